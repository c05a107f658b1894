// The closed set of differences between what the ledger says and what is there: each with its meaning and what mends it.

import type { Ip } from "./address.ts";

interface Kind {
  readonly meaning: string;
  /** What `--repair` does; absent where only an operator can tell what is right. */
  readonly mending?: string;
}

export const differenceKinds = {
  "route-missing": {
    meaning: "the holder of the address is cut off: no host route leads to it",
    mending: "the route is added",
  },
  "route-unowned": {
    meaning: "packets for an address that nobody holds go to the bridge",
    mending: "the route is deleted",
  },
  "neighbour-differs": {
    meaning: "the permanent neighbour of the address is missing or is another holder's",
    mending: "the neighbour is set to the holder's MAC, or deleted where that is not known",
  },
  "neighbour-unowned": {
    meaning: "a permanent neighbour stands for an address of the pool that nobody holds",
    mending: "the neighbour is deleted",
  },
  "container-gone": {
    meaning: "the address is held for a container that is gone",
    mending: "the address is released and cools",
  },
  "address-unrecorded": {
    meaning:
      "a running process has an address of the pool that the ledger calls free: it could be given twice",
    mending: "the address is recorded and kept from everyone while it is in use",
  },
  "address-doubled": {
    meaning: "processes in two network namespaces have the same address of the pool",
  },
  "dhcp-differs": {
    meaning: "the DHCP server would tell the guest another address than the ledger holds for it",
    mending: "the lease that the guest is not told of is released",
  },
  "outside-pool": {
    meaning: "an address is held that pool.json no longer has; it goes when its holder goes",
  },
  "pool-file": {
    meaning: "pool.json is not what the broker serves",
  },
  "mirror-differs": {
    meaning:
      "leases.json does not show the leases: the Go version, put back in place, would give addresses twice",
    mending: "the file is written anew",
  },
  "spool-waiting": {
    meaning: "a release lies in the spool and was not made",
    mending: "the release is made",
  },
  "spool-rejected": {
    meaning:
      "a file in the spool is no release that can be made; what it was to free is found by evidence",
    mending: "the file is removed",
  },
  "spool-unfinished": {
    meaning:
      "a plugin was killed while it wrote a release; what it was to free is found by evidence",
    mending: "the file is removed",
  },
  "ledger-damaged": {
    meaning:
      "the ledger on disk cannot be read as a whole; a broker that starts puts it aside and looks for what is in use",
  },
} as const satisfies Readonly<Record<string, Kind>>;

export type DifferenceKind = keyof typeof differenceKinds;

export interface Difference {
  readonly kind: DifferenceKind;
  /** The address or file that it is about. */
  readonly about: string;
  /** What was found, in words. */
  readonly detail: string;
  /** The allocation that was judged, where there is one: another one is another difference. */
  readonly sequence?: number;
  readonly ip?: Ip;
}

export const isMendable = ({ kind }: Difference): boolean => "mending" in differenceKinds[kind];

/** Whether two looks found the same: what comes and goes with the calls of the moment is no difference. */
export const isSame = (one: Difference, other: Difference): boolean =>
  one.kind === other.kind && one.about === other.about && one.sequence === other.sequence;
