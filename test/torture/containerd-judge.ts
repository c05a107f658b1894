// The judge of the containerd run: ledger, kernel, live namespaces and what the runtime was told must be one story.

import { basename } from "node:path";
import type { LeaseAnswer } from "#broker/api/contract.ts";
import { kernelDifferences, leasesOf } from "#test/crash/oracle.ts";
import type { Pods } from "./containerd-pods.ts";

/** `graced`: whoever is dead has been so for longer than the broker may hold anything for it. */
export async function contradictionsOf(pods: Pods, graced: boolean): Promise<readonly string[]> {
  const { broker, machine } = pods.node;
  const leases = await leasesOf(broker);
  const live = [...(await machine.pods())];
  return [
    ...doubled(leases, live),
    ...brokenPromises(pods, leases, live),
    ...unleased(leases, live),
    ...forTheDead(pods, leases, live, graced),
    ...(await kernelDifferences(machine.place, leases)),
  ];
}

type Live = readonly (readonly [name: string, addresses: readonly string[]])[];

const isLeased = ({ state }: LeaseAnswer): boolean => state === "leased";
const addressesOf = (leases: readonly LeaseAnswer[]): string =>
  leases.map(({ ip }) => ip).join(" ");
const isContainers = (lease: LeaseAnswer): boolean =>
  isLeased(lease) && lease.ownerParts?.kind === "container";
const containerOf = ({ ownerParts }: LeaseAnswer): string =>
  ownerParts?.kind === "container" ? (ownerParts.containerId ?? "") : "";

function doubled(leases: readonly LeaseAnswer[], live: Live): string[] {
  const twice = (values: readonly string[]): string[] =>
    values.filter((value, index) => values.indexOf(value) !== index);
  return [
    ...twice(leases.map(({ ip }) => ip)).map((ip) => `${ip} is in the ledger twice`),
    ...twice(live.flatMap(([, addresses]) => addresses)).map((ip) => `${ip} is on two pods`),
  ];
}

/** A pod has the address that its runtime was told of, for all its life, whether its processes live or not. */
function brokenPromises(
  { slots, gone, guestIp }: Pods,
  leases: readonly LeaseAnswer[],
  live: Live,
): string[] {
  const found: string[] = [];
  for (const { number, state, id, ip } of slots) {
    if (state !== "up" && state !== "dead") continue;
    const held = leases.filter((lease) => isLeased(lease) && containerOf(lease) === id);
    if (held.length !== 1 || held[0]?.ip !== ip)
      found.push(`pod-${number} ${id} was promised ${ip}, holds ${addressesOf(held)}`);
    if (!live.some(([, addresses]) => ip !== undefined && addresses.includes(ip)))
      found.push(`pod-${number} ${id} was promised ${ip}, and no namespace has it`);
  }
  const guests = leases.filter((one) => isLeased(one) && one.ownerParts?.kind === "guest");
  if (addressesOf(guests) !== guestIp)
    found.push(`the guest was told ${guestIp}, guests hold ${addressesOf(guests)}`);
  for (const lease of leases)
    if (isLeased(lease) && gone.has(containerOf(lease)))
      found.push(`${lease.ip} is leased to ${lease.owner}, whose end was told`);
  return found;
}

/** What a living namespace has is leased to it, whoever knows of that namespace. */
function unleased(leases: readonly LeaseAnswer[], live: Live): string[] {
  return live.flatMap(([name, addresses]) =>
    addresses.flatMap((ip) => {
      const lease = leases.find((one) => one.ip === ip);
      const at = basename(lease?.attachment?.netns ?? "");
      if (lease !== undefined && isLeased(lease) && at === name) return [];
      return [`${name} has ${ip}, which is ${lease?.state ?? "free"} ${lease?.owner ?? ""} ${at}`];
    }),
  );
}

/** Leases without a namespace are those of pods of which no end was told, and only until their grace is over. */
function forTheDead(
  pods: Pods,
  leases: readonly LeaseAnswer[],
  live: Live,
  graced: boolean,
): string[] {
  const alive = new Set(live.flatMap(([, addresses]) => addresses));
  const known = new Set(pods.slots.map(({ id }) => id));
  return leases.filter(isContainers).flatMap((lease) => {
    const { ip, owner, attachment } = lease;
    if (!pods.uids.has(attachment?.podUid ?? "")) return [`${ip} is leased to ${owner}, unasked`];
    if (alive.has(ip)) return [];
    const id = containerOf(lease);
    const unheardOf = pods.lost.has(id) || !known.has(id);
    return graced || !unheardOf ? [`${ip} is leased to ${owner}, which has no namespace`] : [];
  });
}
