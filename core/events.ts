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
  | { readonly event: "cooling.shortened"; readonly ip: Ip; readonly pool: string }
  | { readonly event: "pool.exhausted"; readonly pool: string }
  | {
      readonly event: "attachment.refused";
      readonly reason: "stale-call";
      readonly containerId: string;
    }
  | { readonly event: "dhcp.refused"; readonly mac: Mac; readonly reason: string };

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
