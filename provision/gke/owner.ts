// Finds who has a range that the cloud says is in use: it is named, never taken.

import { BrokerError } from "#core/errors.ts";
import { overlaps, parsePrefix } from "#core/prefix.ts";
import type { NodeIdentity } from "#provision/journal.ts";
import type { ComputeApi } from "./api.ts";
import { CallFailure } from "./failure.ts";

/** Pages of 200 instances. */
const MAX_PAGES = 100;

/** Throws `cloud-conflict` with the owner's name. Returns when none is shown: the range may be free soon. */
export async function checkOwner(
  api: ComputeApi,
  identity: NodeIdentity,
  cidr: string,
  signal: AbortSignal,
): Promise<void> {
  const owner = await findOwner(api, identity, cidr, signal).catch((thrown: unknown) => {
    if (!(thrown instanceof CallFailure && thrown.status === 403)) throw thrown;
    // Naming the owner is a kindness; a role without compute.instances.list can do without.
    return undefined;
  });
  if (owner === undefined) return;
  throw new BrokerError("cloud-conflict", `${cidr} is in use: ${owner}`, {
    hint: "choose another --subnet; if that node is gone for good, take the alias range from it (docs/gke.md, moving a range), then run the command again",
  });
}

async function findOwner(
  api: ComputeApi,
  { instance, project }: NodeIdentity,
  cidr: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const wanted = parsePrefix(cidr);
  if (wanted === undefined) return undefined;
  let pageToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const list = await api.instances(project ?? "", pageToken, signal);
    for (const found of Object.values(list.items).flatMap(({ instances }) => instances)) {
      if (found.id === instance) continue;
      const aliases = found.networkInterfaces.flatMap(({ aliasIpRanges }) => aliasIpRanges);
      const taken = aliases.find(({ ipCidrRange }) => {
        const other = parsePrefix(ipCidrRange);
        return other !== undefined && overlaps(other, wanted);
      });
      if (taken !== undefined)
        return `instance ${found.name} (zone ${found.zone.replace(/^.*\//, "")}, ID ${found.id}) has the alias range ${taken.ipCidrRange}`;
    }
    pageToken = list.nextPageToken;
    if (pageToken === undefined || pageToken === "") return undefined;
  }
  return undefined;
}
