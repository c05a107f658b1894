// The judge: ledger, kernel and what containers and guests were told must be one story, whatever was killed.

import { z } from "zod";
import { leasesAnswer } from "#broker/api/contract.ts";
import type { LeaseAnswer } from "#broker/api/contract.ts";
import type { Book } from "./book.ts";
import type { BrokerProcess } from "#test/netns/broker.ts";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";

/** The route protocol number of cocoon-net. */
const PROTOCOL = "204";

const routes = z.array(z.object({ dst: z.string() }));
const neighbours = z.array(z.object({ dst: z.string(), lladdr: z.optional(z.string()) }));

export interface Scene {
  readonly node: NetworkNamespace;
  readonly broker: BrokerProcess;
  readonly book: Book;
}

export async function leasesOf(broker: BrokerProcess): Promise<readonly LeaseAnswer[]> {
  const { body } = await broker.ask("GET", "/v1/leases");
  return leasesAnswer.parse(body).leases;
}

/** Every contradiction found, in words; none when all agree. */
export async function contradictions({ node, broker, book }: Scene): Promise<readonly string[]> {
  const leases = await leasesOf(broker);
  return [
    ...doubled(leases),
    ...brokenPromises(leases, book),
    ...unexplained(leases, book),
    ...(await kernelDifferences(node, leases)),
  ];
}

/** Promised addresses without a host route; there must be none even while no broker lives: the route comes before the reply. */
export async function unroutedPromises({ node, book }: Omit<Scene, "broker">): Promise<string[]> {
  const standing = await routesOf(node);
  return [...book.entries()].flatMap(([holder, { state, ip }]) =>
    state === "held" && ip !== undefined && !standing.includes(ip) ? [`${holder} ${ip}`] : [],
  );
}

async function routesOf(node: NetworkNamespace): Promise<string[]> {
  const text = await node.exec(["ip", "-j", "route", "show", "proto", PROTOCOL]);
  return routes.parse(JSON.parse(text)).map(({ dst }) => dst);
}

function doubled(leases: readonly LeaseAnswer[]): string[] {
  const twice = (values: readonly string[]) =>
    values.filter((value, index) => values.indexOf(value) !== index);
  const leased = leases.filter(({ state }) => state === "leased");
  return [
    ...twice(leases.map(({ ip }) => ip)).map((ip) => `${ip} is in the ledger twice`),
    ...twice(leased.map(({ owner }) => owner)).map((owner) => `${owner} holds two addresses`),
  ];
}

function brokenPromises(leases: readonly LeaseAnswer[], book: Book): string[] {
  const found: string[] = [];
  for (const [holder, { state, ip }] of book.entries()) {
    const lease = leases.find((one) => one.owner === holder && one.state === "leased");
    if (state === "held" && lease?.ip !== ip)
      found.push(`${holder} was promised ${ip} and the ledger has ${lease?.ip ?? "nothing"}`);
    if (state === "gone" && lease !== undefined)
      found.push(`${holder} was told that it is released and holds ${lease.ip}`);
    if (state === "leaving" && lease !== undefined && lease.ip !== ip)
      found.push(`${holder} had ${ip} and holds ${lease.ip}`);
  }
  return found;
}

/** A lease that nobody was promised may only be one that was asked for: a container's is then provisional. */
function unexplained(leases: readonly LeaseAnswer[], book: Book): string[] {
  const found: string[] = [];
  for (const { owner, state, provisional, ip, ownerParts } of leases) {
    if (state !== "leased") continue;
    const entry = book.entry(owner);
    if (entry === undefined) found.push(`${ip} is leased to ${owner}, who never asked`);
    if (entry?.state === "asked" && ownerParts?.kind === "container" && !provisional)
      found.push(`${ip} of ${owner} counts as delivered, and never was`);
  }
  return found;
}

/** Host routes are exactly those of leases; a permanent neighbour stands beside each whose MAC is known. */
export async function kernelDifferences(
  node: NetworkNamespace,
  leases: readonly LeaseAnswer[],
): Promise<string[]> {
  const leased = leases.filter(({ state }) => state === "leased");
  const standing = await routesOf(node);
  const permanent = neighbours.parse(
    JSON.parse(await node.exec(["ip", "-j", "neigh", "show", "nud", "permanent"])),
  );
  const wanted = new Set(leased.filter(({ routed }) => routed).map(({ ip }) => ip));
  const neighboursWanted = leased.flatMap(({ ip, mac, routed }) =>
    routed && mac !== undefined ? [`${ip} ${mac}`] : [],
  );
  const neighboursFound = new Set(permanent.map(({ dst, lladdr }) => `${dst} ${lladdr}`));
  return [
    ...leased.filter(({ routed }) => !routed).map(({ ip }) => `${ip} is leased without a route`),
    ...[...wanted].filter((ip) => !standing.includes(ip)).map((ip) => `${ip} has no route`),
    ...standing.filter((ip) => !wanted.has(ip)).map((ip) => `route to ${ip} is nobody's`),
    ...neighboursWanted
      .filter((pair) => !neighboursFound.has(pair))
      .map((pair) => `no neighbour ${pair}`),
    ...permanent
      .filter(({ dst }) => !dst.includes(":") && !wanted.has(dst))
      .map(({ dst }) => `neighbour ${dst} is nobody's`),
  ];
}
