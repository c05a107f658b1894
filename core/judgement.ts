// Whether a lease still has its holder, judged by what the machine shows: pure, so that every case has its row in a test.

import type { Ip } from "./address.ts";
import type { Finding } from "./events.ts";
import type { Attachment, Lease } from "./lease.ts";
import { FOUND_GRACE, GONE_GRACE, PROVISIONAL_GRACE, SECOND_LOOK } from "./limits.ts";
import type { NamespaceState } from "./ports.ts";
import { type Millis, isOlder } from "./time.ts";

/** Leases that can be judged: containers' and those of addresses that were found in use. Guests' end with their time. */
export const isJudged = ({ state, owner }: Lease): boolean =>
  state === "leased" && (owner?.kind === "container" || owner?.kind === "found");

/** From when on evidence against the lease counts. */
export function judgedFrom({ owner, since }: Lease): Millis {
  return since + (owner?.kind === "found" ? FOUND_GRACE : PROVISIONAL_GRACE);
}

/** How long after the first look that spoke against the lease another one ends it. */
export const lastsFor = (lease: Lease, finding: Finding): Millis =>
  lease.provisional === true || finding === "earlier-boot" || finding === "silent"
    ? SECOND_LOOK
    : GONE_GRACE;

/** Namespaces end with their boot; one with the same path and inode is another's. A plugin may not know its boot. */
export const isOfEarlierBoot = ({ stamp }: Attachment, bootId: string): boolean =>
  stamp.bootId !== "" && stamp.bootId !== bootId;

/** The newest confirmed lease of each pod and of each namespace: older ones of other containers stand in their shadow. */
export interface Rivals {
  readonly pods: ReadonlyMap<string, Lease>;
  readonly namespaces: ReadonlyMap<string, Lease>;
}

export function rivalsOf(leases: readonly Lease[], bootId: string): Rivals {
  const pods = new Map<string, Lease>();
  const namespaces = new Map<string, Lease>();
  for (const lease of leases) {
    const { attachment } = lease;
    if (attachment === undefined || isOfEarlierBoot(attachment, bootId)) continue;
    keepNewer(namespaces, namespaceKey(attachment), lease, bootId);
    if (lease.provisional !== true) keepNewer(pods, attachment.podUid, lease, bootId);
  }
  return { pods, namespaces };
}

/** The confirmed lease of a newer sandbox of the same pod, if there is one. A pod has one sandbox at a time. */
export const successorOf = (lease: Lease, { pods }: Rivals, bootId: string): Lease | undefined =>
  rivalOf(lease, pods.get(lease.attachment?.podUid ?? ""), bootId);

/** Whether the namespace's path and inode were given to a container that came later. */
export const isOvertaken = (lease: Lease, { namespaces }: Rivals, bootId: string): boolean =>
  rivalOf(lease, namespaces.get(namespaceKey(lease.attachment) ?? ""), bootId) !== undefined;

/** What the state of its namespace, and whether the successor of its pod is up, say against the lease. */
export function findingOf(
  namespace: NamespaceState,
  { routed }: Lease,
  { overtaken, superseded }: { readonly overtaken: boolean; readonly superseded: boolean },
): Finding | undefined {
  if (namespace === "absent") return "namespace-gone";
  if (superseded) return "superseded";
  // Only an address on our bridge must have a link of ours; where another plugin's link leads is not for us to know.
  if (overtaken || (namespace === "unlinked" && routed)) return "namespace-reused";
  return undefined;
}

function rivalOf(lease: Lease, other: Lease | undefined, bootId: string): Lease | undefined {
  if (other === undefined || lease.owner?.kind !== "container") return undefined;
  if (other.owner?.kind !== "container" || other.owner.containerId === lease.owner.containerId)
    return undefined;
  return isNewer(other, lease, bootId) ? other : undefined;
}

function keepNewer(
  map: Map<string, Lease>,
  key: string | undefined,
  lease: Lease,
  bootId: string,
): void {
  if (key === undefined || key === "") return;
  const before = map.get(key);
  if (before === undefined || isNewer(lease, before, bootId)) map.set(key, lease);
}

function isNewer(one: Lease, other: Lease, bootId: string): boolean {
  const [a, b] = [one.attachment?.stamp, other.attachment?.stamp];
  return a !== undefined && b !== undefined && isOlder(b, a, bootId);
}

function namespaceKey(attachment: Attachment | undefined): string | undefined {
  const { netns, identity } = attachment ?? {};
  return identity === undefined ? undefined : `${identity.dev} ${identity.ino} ${netns}`;
}

/** Addresses of the sightings of one kind. Our own route is never evidence: it stands because of the lease that is judged. */
export const addressesSeenBy = (
  sightings: readonly { readonly ip: Ip; readonly evidence: string }[],
  kind: "namespace" | "neighbour",
): ReadonlySet<Ip> =>
  new Set(sightings.flatMap(({ ip, evidence }) => (evidence === kind ? [ip] : [])));
