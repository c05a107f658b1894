// Business events: the one list of things that happen to addresses. telemetry.ts turns each into a log line and a metric.

import type { Ip, Mac } from "./address.ts";
import type { Owner } from "./lease.ts";

export type BusinessEvent =
  | {
      readonly event: "lease.bound";
      readonly ip: Ip;
      readonly owner: Owner;
      readonly pool: string;
      readonly renewed: boolean;
    }
  | {
      readonly event: "lease.released";
      readonly ip: Ip;
      readonly owner?: Owner;
      readonly reason: ReleaseReason;
    }
  | { readonly event: "lease.freed"; readonly ip: Ip }
  | {
      readonly event: "lease.quarantined";
      readonly ip: Ip;
      readonly reason: "decline" | "conflict" | "import";
    }
  | { readonly event: "lease.found"; readonly ip: Ip; readonly evidence: string }
  | {
      readonly event: "lease.orphaned";
      readonly ip: Ip;
      readonly owner?: Owner;
      readonly sequence: number;
      readonly finding: Finding;
    }
  | { readonly event: "cooling.shortened"; readonly ip: Ip; readonly pool: string }
  | { readonly event: "pool.exhausted"; readonly pool: string }
  | {
      readonly event: "attachment.refused";
      readonly reason: "stale-call";
      readonly containerId: string;
    }
  | { readonly event: "dhcp.refused"; readonly mac: Mac; readonly reason: string }
  /** A bridge port asked for more addresses than one port may hold. */
  | {
      readonly event: "dhcp.limited";
      readonly mac: Mac;
      readonly port: string;
      readonly limit: number;
    }
  /** A RELEASE or DECLINE came through another port than the guest's. */
  | {
      readonly event: "dhcp.spoofed";
      readonly mac: Mac;
      readonly port: string;
      readonly message: "release" | "decline";
    }
  /** Another DHCP server answers on our bridge. */
  | {
      readonly event: "dhcp.rogue";
      readonly mac: Mac;
      readonly server: Ip;
      readonly port: string;
    };

/**
 * What showed that a lease's holder is gone: its namespace is gone; another one has taken the namespace's path and inode; the
 * machine was started anew; a newer sandbox of the pod is up; or an address without a record has fallen silent.
 */
export const findings = [
  "namespace-gone",
  "namespace-reused",
  "earlier-boot",
  "superseded",
  "silent",
] as const;
export type Finding = (typeof findings)[number];

export type ReleaseReason =
  | "del"
  | "gc"
  | "dhcp-release"
  | "expired"
  | "moved"
  | "decline"
  | "gone"
  | "forgotten"
  | "route-failed"
  | "replaced";
