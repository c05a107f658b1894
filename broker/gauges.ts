// What the metrics show of this moment, read off the ledger and the DHCP server at each scrape.

import type { Ledger } from "#core/ledger.ts";
import type { Pool } from "#core/range.ts";
import type { DhcpCounters } from "#broker/dhcp/counters.ts";
import type { Observed } from "./meters.ts";
import type { Parts } from "./parts.ts";
import { poolView } from "./views.ts";

export interface GaugeSources {
  readonly parts: Pick<Parts, "ledger" | "spoolDepth">;
  readonly pool: Pool;
  readonly dhcp: DhcpCounters;
  readonly serving: () => boolean;
  readonly rogueServers: () => number;
}

export function observe({ parts, pool, dhcp, serving, rogueServers }: GaugeSources): Observed {
  const { free, offered, leased, cooling, quarantined } = poolView(parts.ledger, pool);
  return {
    pools: [{ pool: pool.name, states: { free, offered, leased, cooling, quarantined } }],
    activeGuestLeases: guestLeases(parts.ledger),
    spoolDepth: parts.spoolDepth(),
    serving: serving(),
    rogueServers: rogueServers(),
    dhcpReceived: dhcp.received,
    dhcpDropped: dhcp.dropped,
  };
}

function guestLeases(ledger: Ledger): number {
  let count = 0;
  for (const { state, owner } of ledger.leases()) {
    if (state === "leased" && owner?.kind === "guest") count++;
  }
  return count;
}
