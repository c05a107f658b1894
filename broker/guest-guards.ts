// What stands between guests and the ledger: the limit of each port, the check of their sources, and who is behind which port.

import type { Mac } from "#core/address.ts";
import type { GuestLeasing } from "#broker/dhcp/leasing-port.ts";
import type { NodeLinks, NodeTables } from "#broker/node/ports.ts";
import { SOURCE_TABLE } from "#broker/node/source-table.ts";
import type { Config } from "./config.ts";
import { containerPorts } from "./container-ports.ts";
import { GuestPorts } from "./guest-ports.ts";
import type { Parts } from "./parts.ts";
import { limitPorts } from "./port-limit.ts";
import { type SourceGuard, createSourceGuard } from "./source-guard.ts";
import type { Standing } from "./standing.ts";
import type { Telemetry } from "./telemetry.ts";

/** With `--guest-mac-check` a port has one guest. */
const CHECKED_LIMIT = 1;
const ABOUT = "guest MAC check";

export interface GuestGuardsOptions {
  readonly config: Pick<
    Config,
    "bridge" | "guestMacCheck" | "guestIsolation" | "dhcpLeasesPerPort"
  >;
  readonly parts: Pick<Parts, "ledger" | "guests" | "trouble">;
  readonly telemetry: Telemetry;
  readonly standing: Standing;
  readonly now: () => number;
  readonly tables: NodeTables;
  readonly links: Pick<NodeLinks, "observe">;
  /** Index of the port behind which the bridge saw the MAC last. */
  readonly portOf: (mac: Mac) => number | undefined;
  readonly nameOf: (index: number) => string | undefined;
  readonly indexOf: (name: string) => number | undefined;
  /** The kernel's number for the namespace at that path. */
  readonly namespaceId: (path: string) => Promise<number | undefined>;
}
export interface GuestGuards {
  readonly leasing: GuestLeasing;
  readonly ports: GuestPorts;
  readonly sources: SourceGuard;
  /** Calls back when a port has become a guest's, where that matters to the node's set-up. */
  onGuest(action: () => void): void;
}

export function createGuestGuards(options: GuestGuardsOptions): GuestGuards {
  const { config, parts, telemetry, standing, now } = options;
  const { guestMacCheck: enabled, guestIsolation, dhcpLeasesPerPort } = config;
  const { ledger, guests } = parts;
  const limit = enabled ? CHECKED_LIMIT : dhcpLeasesPerPort;
  const ports = new GuestPorts({ ...options, ledger, limit });
  let guest: () => void = () => undefined;
  const judged = enabled || guestIsolation;
  const judge = async (): Promise<void> => {
    const open = judged ? ports.unjudged() : [];
    if (open.length === 0) return;
    const containers = await containerPorts(open, { ...options, bridge: config.bridge, ledger });
    for (const port of open) ports.judge(port, containers.has(port));
    guest();
  };
  const watched = judged || limit > 0;
  const sources = createSourceGuard({
    ...options,
    enabled,
    watched,
    judge,
    bridge: config.bridge,
    ledger,
    ports,
    wrote(drift) {
      standing.clear(ABOUT);
      if (drift) telemetry.meters.nodeRepair("nftables");
      const message = drift
        ? "the table of guests' sources was put right"
        : "guests' sources written";
      telemetry.log[drift ? "warn" : "debug"]({ guests: ports.placed().size }, message);
    },
    fought() {
      const message = `somebody else keeps changing the nftables table ${SOURCE_TABLE}; it is put right less often`;
      standing.warn(ABOUT, message);
      telemetry.log.warn(message);
    },
    trouble(what, error) {
      standing.warn(ABOUT, `${what}: ${error.message}`);
      parts.trouble(what, error);
    },
  });
  if (enabled)
    telemetry.subscribe(({ event }) => {
      if (event === "lease.released" || event === "lease.bound") sources.touch();
    });
  const emit = telemetry.record.bind(telemetry);
  const bound = async (mac: Mac): Promise<void> => {
    if (!judged) return;
    await judge();
    await sources.admit(mac);
  };
  return {
    leasing: watched ? limitPorts({ guests, ports, now, emit, bound }) : guests,
    ports,
    sources,
    onGuest(action) {
      if (guestIsolation) guest = action;
    },
  };
}
