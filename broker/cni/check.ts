// CHECK: prevResult, the ledger and the kernel's route must tell the same.

import { type Ip, parseIp } from "#core/address.ts";
import type { ContainerOwner, Lease } from "#core/lease.ts";
import { type Pool, rangeFor } from "#core/range.ts";
import * as z from "zod/mini";
import type { CheckCall } from "./call.ts";
import { type CniFailure, cniCodes, failure } from "./failure.ts";
import type { ContainerLeasing } from "./leasing-port.ts";
import { describeIssue } from "./netconf.ts";

/** Addresses of one prevResult at most. */
const MAX_ADDRESSES = 256;

/** Results from spec version 0.4.0 on, which is the first that knows CHECK. */
const prevResultSchema = z.object({
  ips: z.nullish(
    z
      .array(z.object({ address: z.string().check(z.maxLength(64)) }))
      .check(z.maxLength(MAX_ADDRESSES)),
  ),
});

/** What is wrong with the attachment; `undefined` when all three agree. A call without prevResult compares the other two. */
export async function checkFailure(
  call: CheckCall,
  owner: ContainerOwner,
  pool: Pool,
  leasing: Pick<ContainerLeasing, "check" | "routeStands">,
): Promise<CniFailure | undefined> {
  const leases = leasing.check(owner);
  if (leases.length === 0) {
    return failed(
      `Failed to find address added by container ${owner.containerId}`,
      `${owner.ifname} of network ${owner.network}`,
    );
  }
  return compareResult(call.prevResult, leases, pool) ?? (await checkRoutes(leases, leasing));
}

/** Each lease must be in prevResult, and each address there that is our pool's must be a lease; others' are theirs. */
function compareResult(
  prevResult: unknown,
  leases: readonly Lease[],
  pool: Pool,
): CniFailure | undefined {
  if (prevResult === undefined || prevResult === null) return undefined;
  const parsed = prevResultSchema.safeParse(prevResult);
  if (!parsed.success)
    return failure(
      cniCodes.decodingFailure,
      "could not parse prevResult",
      describeIssue(parsed.error.issues[0]),
    );
  const told = new Set<Ip>();
  for (const { address } of parsed.data.ips ?? []) {
    const ip = parseIp(address.split("/", 1)[0] ?? "");
    if (ip === undefined)
      return failure(
        cniCodes.decodingFailure,
        "could not parse prevResult",
        `not an address: ${address}`,
      );
    told.add(ip);
  }
  const held = new Set(leases.map((lease) => lease.ip));
  for (const ip of held) {
    if (!told.has(ip))
      return failed(
        `${ip} is leased to the container, but prevResult does not have it`,
        `prevResult has ${list(told)}`,
      );
  }
  for (const ip of told) {
    const ours = pool.sets.some((set) => rangeFor(set, ip) !== undefined);
    if (ours && !held.has(ip))
      return failed(`${ip} of prevResult is not leased to the container`, `it holds ${list(held)}`);
  }
  return undefined;
}

async function checkRoutes(
  leases: readonly Lease[],
  leasing: Pick<ContainerLeasing, "routeStands">,
): Promise<CniFailure | undefined> {
  for (const { ip, routed } of leases) {
    if (routed && !(await leasing.routeStands(ip)))
      return failed(
        `the host route of ${ip} is missing`,
        `the broker puts it back within seconds; if not: cocoon-net why ${ip}`,
      );
  }
  return undefined;
}

const failed = (message: string, details: string): CniFailure =>
  failure(cniCodes.checkFailed, message, details);

const list = (ips: ReadonlySet<Ip>): string => (ips.size === 0 ? "none" : [...ips].join(", "));
