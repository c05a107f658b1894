// The judge: ledger, kernel, DHCP table and what containers and guests were told must be one story, after every step.

import type { Lease } from "#core/lease.ts";
import { describeOwner } from "#core/lease.ts";
import type { TortureBroker } from "./broker.ts";
import type { Machine } from "./machine.ts";
import { COOLING, type Container, type Guest, type Model, sameAddresses } from "./model.ts";

/** Small steps of the clock the broker follows only at the next reboot. */
const CLOCK_CORRECTION = 10_000;

export class Contradiction extends Error {}

export interface Scene {
  readonly machine: Machine;
  readonly broker: TortureBroker;
  readonly model: Model;
  /** Routes and neighbours were changed behind the broker's back, and it had no chance yet to put them right. */
  readonly disturbed: boolean;
}

/** Throws a Contradiction that names every difference. */
export function judge(scene: Scene): void {
  const { broker, model } = scene;
  const leased = new Map<string, Lease[]>();
  const found: string[] = [];
  const seen = new Set<string>();
  model.sawCooling(broker.ledger.cooling());
  for (const lease of broker.ledger.leases()) {
    if (seen.has(lease.ip)) found.push(`${lease.ip} is in the ledger twice`);
    seen.add(lease.ip);
    if (lease.state !== "leased" || lease.owner === undefined) continue;
    const holder = describeOwner(lease.owner);
    leased.set(holder, [...(leased.get(holder) ?? []), lease]);
  }
  for (const container of model.containers.values()) {
    found.push(...judgeContainer(scene, container, leased.get(container.key) ?? []));
    leased.delete(container.key);
  }
  for (const guest of model.guests.values()) {
    found.push(...judgeGuest(scene, guest, leased.get(`guest ${guest.mac}`) ?? []));
    leased.delete(`guest ${guest.mac}`);
  }
  for (const [holder, leases] of leased)
    for (const { ip } of leases) found.push(`${ip} is leased to ${holder}, who never asked`);
  found.push(...doublyPromised(model), ...coolingMissing(scene), ...kernelDifferences(scene));
  if (found.length > 0) throw new Contradiction(found.join("; "));
}

function judgeContainer(
  { model }: Scene,
  container: Container,
  leases: readonly Lease[],
): string[] {
  const { key, word, ips } = container;
  const have = leases.map(({ ip }) => ip as string);
  if (word === "none")
    return have.map((ip) => `${key} was told that it is released and holds ${ip}`);
  if (sameAddresses(have, ips) && (word === "held" || container.adding === undefined)) {
    container.word = have.length === 0 ? "none" : "held";
    return [];
  }
  if (have.length === 0 && (word === "maybe" || model.mayEnd(container))) {
    model.gone(container);
    return [];
  }
  if (
    word === "maybe" &&
    container.adding !== undefined &&
    leases.every(({ provisional }) => provisional === true)
  ) {
    for (const ip of ips) if (!have.includes(ip)) model.end(ip, key);
    for (const ip of have) model.ended.delete(ip);
    container.word = "held";
    container.ips = have;
    container.adding = undefined;
    container.since = Math.min(model.now, container.since);
    container.confirmed = false;
    return [];
  }
  if (container.adding !== undefined && sameAddresses(have, ips)) {
    container.word = "held";
    container.adding = undefined;
    return [];
  }
  return [`${key} was promised ${ips.join(" ")} and the ledger has ${have.join(" ") || "nothing"}`];
}

function judgeGuest({ model }: Scene, guest: Guest, leases: readonly Lease[]): string[] {
  const { mac, word, ip } = guest;
  if (leases.length > 1) return [`guest ${mac} holds ${leases.map((one) => one.ip).join(" ")}`];
  const have = leases[0]?.ip;
  if (word === "none")
    return have === undefined ? [] : [`guest ${mac} gave its address back and holds ${have}`];
  if (have === ip && have !== undefined) {
    if (guest.asking) model.maybeRenewed(guest);
    guest.word = "held";
    guest.asking = false;
    guest.declining = false;
    return [];
  }
  if (have === undefined && (word === "maybe" || model.mayHaveExpired(guest))) {
    model.left(guest);
    return [];
  }
  if (guest.asking && have !== undefined) {
    model.bound(guest, have);
    return [];
  }
  return [`guest ${mac} was promised ${ip} and the ledger has ${have ?? "nothing"}`];
}

function doublyPromised(model: Model): string[] {
  const holders = new Map<string, string>();
  const found: string[] = [];
  const note = (ip: string, holder: string): void => {
    const other = holders.get(ip);
    if (other !== undefined) found.push(`${ip} was promised to ${other} and to ${holder}`);
    holders.set(ip, holder);
  };
  for (const { word, ips, key } of model.containers.values())
    if (word === "held") for (const ip of ips) note(ip, key);
  for (const { word, ip, mac } of model.guests.values())
    if (word === "held" && ip !== undefined) note(ip, mac);
  return found;
}

/** What was given back lies untouched for its time. */
function coolingMissing({ model, broker }: Scene): string[] {
  const found: string[] = [];
  for (const [ip, { at, holder }] of model.ended) {
    if (model.now - at >= COOLING) continue;
    const lease = broker.ledger.lease(ip as Lease["ip"]);
    if (lease === undefined)
      found.push(`${ip} of ${holder} is free ${model.now - at} ms after it was given back`);
  }
  return found;
}

function kernelDifferences({ machine, broker, disturbed }: Scene): string[] {
  if (disturbed) return [];
  const { routes, neighbours } = machine.kernel;
  const found: string[] = [];
  const wanted = new Set<string>();
  for (const { ip, state, routed, mac, owner } of broker.ledger.leases()) {
    if (state !== "leased" || !routed) continue;
    wanted.add(ip);
    if (!routes.has(ip)) found.push(`${ip} is leased without a route`);
    if (mac !== undefined && owner?.kind !== "found" && neighbours.get(ip) !== mac)
      found.push(`${ip} has no neighbour ${mac}`);
  }
  for (const ip of routes) if (!wanted.has(ip)) found.push(`the route to ${ip} is nobody's`);
  for (const ip of neighbours.keys())
    if (!wanted.has(ip)) found.push(`the neighbour ${ip} is nobody's`);
  return found;
}

/** After time enough nothing may be left of what ends by itself. Throws a Contradiction. */
export function judgeSettled({ broker, model, machine }: Scene): void {
  const found: string[] = [];
  for (const lease of broker.ledger.leases()) {
    const { ip, state, owner } = lease;
    if (state === "cooling" && lease.sticky === undefined && !model.ended.has(ip))
      found.push(`${ip} cools for ever`);
    if (state !== "leased" || owner?.kind !== "container") continue;
    const container = model.containers.get(describeOwner(owner));
    if (container?.diedAt !== undefined && !isDisguised(machine, lease))
      found.push(`${ip} is kept for ${describeOwner(owner)}, which is dead`);
  }
  for (const guest of model.guests.values())
    if (guest.word === "held" && model.now > guest.endsBy + CLOCK_CORRECTION)
      found.push(`guest ${guest.mac} never expires`);
  const tombstones = broker.ledger.tombstones().size;
  if (tombstones > 0) found.push(`${tombstones} tombstones stand for ever`);
  if (broker.ledger.offers.size > 0)
    found.push(`${broker.ledger.offers.size} offers stand for ever`);
  if (model.spooled.length > 0) found.push("releases lie in the spool for ever");
  if (found.length > 0) throw new Contradiction(found.join("; "));
}

/** Another namespace has the dead one's path and inode, and no answered ADD yet that would tell them apart. */
function isDisguised({ namespaces }: Machine, { attachment }: Lease): boolean {
  const { netns = "", identity } = attachment ?? {};
  const other = namespaces.get(netns);
  return other?.identity.ino === identity?.ino && other?.addresses.size === 0;
}
