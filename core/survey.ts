// What was read of the ledger and of the world, and the differences between the two: pure.

import type { Ip, Mac } from "./address.ts";
import type { Difference } from "./difference.ts";
import type { Finding } from "./events.ts";
import { type Lease, describeOwner } from "./lease.ts";
import { isAllocatable } from "./pool.ts";
import type { HostRoute, MirrorEntry } from "./ports.ts";
import { SECOND_LOOK } from "./limits.ts";
import type { Pool } from "./range.ts";
import type { Millis } from "./time.ts";

/** The leases are read before everything else, so that nothing is judged by older evidence. */
export interface Survey {
  readonly now: Millis;
  readonly pool: Pool;
  readonly leases: readonly Lease[];
  /** What the DHCP server would tell the guests that hold leases. */
  readonly told: ReadonlyMap<Mac, Ip | undefined>;
  readonly routes: readonly HostRoute[];
  /** Permanent neighbours on the bridge. */
  readonly neighbours: readonly { readonly ip: Ip; readonly mac: Mac }[];
  /** Addresses that processes have, with a name for each namespace. */
  readonly inside: readonly { readonly ip: Ip; readonly namespace: string }[];
  /** Containers' leases that the evidence spoke against twice. */
  readonly gone: readonly { readonly lease: Lease; readonly finding: Finding }[];
  /** What pool.json says other than what is served, in words. */
  readonly poolFile: readonly string[];
  readonly mirror: {
    readonly path: string;
    readonly found: readonly MirrorEntry[] | undefined;
    readonly expected: readonly MirrorEntry[];
  };
  readonly spool: {
    readonly waiting: readonly string[];
    readonly rejected: readonly string[];
    readonly stale: readonly string[];
  };
}

/** Rows of a list that one difference tells of. */
const SHOWN = 5;

/** In the order of what hurts most. */
export function compare(survey: Survey): readonly Difference[] {
  return [
    ...inUse(survey),
    ...kernel(survey),
    ...survey.gone.map(({ lease, finding }) =>
      ofLease("container-gone", lease, `${describeOwner(lease.owner)} is gone (${finding})`),
    ),
    ...dhcp(survey),
    ...pools(survey),
    ...mirror(survey),
    ...spool(survey),
  ];
}

function inUse({ now, pool, leases, inside }: Survey): Difference[] {
  const held = new Map(leases.map((lease) => [lease.ip, lease]));
  const namespaces = new Map<Ip, Set<string>>();
  for (const { ip, namespace } of inside) {
    if (!isOfPool(pool, ip)) continue;
    namespaces.set(ip, (namespaces.get(ip) ?? new Set()).add(namespace));
  }
  return [...namespaces].flatMap(([ip, names]): Difference[] => {
    const lease = held.get(ip);
    const state = lease?.state ?? "free";
    // A container that was just released may take a moment to go.
    const leaving = state === "cooling" && now - (lease?.since ?? 0) < SECOND_LOOK;
    const unrecorded: Difference[] =
      state === "leased" || leaving
        ? []
        : [about("address-unrecorded", ip, `a process has it, and the ledger calls it ${state}`)];
    return names.size < 2
      ? unrecorded
      : [about("address-doubled", ip, `${names.size} namespaces have it`), ...unrecorded];
  });
}

/** Exactly the leased, routed addresses have a route; beside it stands the neighbour that the ledger knows. */
function kernel({ pool, leases, routes, neighbours }: Survey): Difference[] {
  const standing = new Set(routes.map(({ ip }) => ip));
  const macs = new Map(neighbours.map(({ ip, mac }) => [ip, mac]));
  const differences: Difference[] = [];
  for (const lease of leases) {
    if (lease.state !== "leased" || !lease.routed) continue;
    const { ip } = lease;
    const wanted = lease.owner?.kind === "found" ? undefined : lease.mac;
    const found = macs.get(ip);
    if (!standing.delete(ip))
      differences.push(ofLease("route-missing", lease, `no route to ${ip}`));
    if (macs.delete(ip) ? found !== wanted : wanted !== undefined)
      differences.push(
        ofLease(
          "neighbour-differs",
          lease,
          `the kernel has ${found ?? "none"}, the ledger ${wanted ?? "none"}`,
        ),
      );
  }
  for (const ip of standing)
    differences.push(about("route-unowned", ip, "a route of ours leads to it"));
  for (const [ip, mac] of macs)
    if (isOfPool(pool, ip))
      differences.push(about("neighbour-unowned", ip, `the kernel has ${mac}`));
  return differences;
}

function dhcp({ leases, told }: Survey): Difference[] {
  return leases.flatMap((lease) => {
    if (lease.state !== "leased" || lease.owner?.kind !== "guest") return [];
    const { mac } = lease.owner;
    const answer = told.get(mac);
    return answer === lease.ip
      ? []
      : [ofLease("dhcp-differs", lease, `guest ${mac} is told ${answer ?? "nothing"}`)];
  });
}

function pools({ pool, leases, poolFile }: Survey): Difference[] {
  const outside = leases.filter(
    (lease) => lease.pool === pool.name && lease.state === "leased" && !isOfPool(pool, lease.ip),
  );
  return [
    ...poolFile.map((detail): Difference => ({ kind: "pool-file", about: "pool.json", detail })),
    ...outside.map((lease) =>
      ofLease("outside-pool", lease, `held by ${describeOwner(lease.owner)}`),
    ),
  ];
}

function mirror({ mirror: { path, found, expected } }: Survey): Difference[] {
  const kind = "mirror-differs";
  if (found === undefined)
    return expected.length === 0
      ? []
      : [{ kind, about: path, detail: `there is no file; ${expected.length} leases are missing` }];
  const wanted = new Map(expected.map((entry) => [entry.ip, rowOf(entry)]));
  const has = new Map(found.map((entry) => [entry.ip, rowOf(entry)]));
  const wrong = [...new Set([...wanted.keys(), ...has.keys()])].filter(
    (ip) => wanted.get(ip) !== has.get(ip),
  );
  if (wrong.length === 0) return [];
  const told = wrong.slice(0, SHOWN).map((ip) => describeRow(ip, has.get(ip), wanted.get(ip)));
  const more = wrong.length > SHOWN ? `; and ${wrong.length - SHOWN} more` : "";
  return [{ kind, about: path, detail: `${told.join("; ")}${more}` }];
}

/** Expiries are compared by the second: the file has no finer ones. */
const rowOf = ({ mac, expiry }: MirrorEntry): string => `${mac} ${Math.floor(expiry / 1_000)}`;

function describeRow(ip: Ip, has: string | undefined, wanted: string | undefined): string {
  if (has === undefined) return `${ip} is missing`;
  return wanted === undefined ? `${ip} is listed and not held` : `${ip} is listed otherwise`;
}

function spool({ spool: { waiting, rejected, stale } }: Survey): Difference[] {
  const of = (kind: Difference["kind"], names: readonly string[], detail: string): Difference[] =>
    names.map((name) => ({ kind, about: name, detail }));
  return [
    ...of("spool-waiting", waiting, "lies in the spool"),
    ...of("spool-rejected", rejected, "was set aside"),
    ...of("spool-unfinished", stale, "was never finished"),
  ];
}

const isOfPool = (pool: Pool, ip: Ip): boolean =>
  pool.sets.some((set) => isAllocatable(set, ip) !== undefined);

const about = (kind: Difference["kind"], ip: Ip, detail: string): Difference => ({
  kind,
  about: ip,
  ip,
  detail,
});

const ofLease = (
  kind: Difference["kind"],
  { ip, sequence }: Lease,
  detail: string,
): Difference => ({ ...about(kind, ip, detail), sequence });
