// Events told once: one log line, one metric, one entry among the recent ones; and the metrics' names.

import { describe, expect, test } from "vitest";
import { createMeters } from "#broker/meters.ts";
import { type LogLevel, RECENT_EVENTS, createTelemetry } from "#broker/telemetry.ts";
import { ip, parseMac } from "#core/address.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Owner } from "#core/lease.ts";

const address = ip("10.88.100.7");
const mac = parseMac("52:54:00:00:00:07") ?? expect.unreachable();
const guest: Owner = { kind: "guest", mac };
const bound: BusinessEvent = {
  event: "lease.bound",
  ip: address,
  owner: guest,
  pool: "node",
  renewed: false,
};

function start(level: LogLevel = "debug") {
  const lines: string[] = [];
  const telemetry = createTelemetry({
    level,
    now: () => 1_795_233_600_000,
    destination: { write: (line: string) => lines.push(line) },
  });
  return {
    telemetry,
    lines,
    parsed: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  };
}

const all: readonly [BusinessEvent, level: string, text: string][] = [
  [bound, "info", "10.88.100.7 given to guest 52:54:00:00:00:07"],
  [{ ...bound, renewed: true }, "debug", "10.88.100.7 renewed by guest 52:54:00:00:00:07"],
  [
    { event: "lease.released", ip: address, owner: guest, reason: "expired" },
    "info",
    "10.88.100.7 released by guest 52:54:00:00:00:07 (expired)",
  ],
  [
    { event: "lease.released", ip: address, reason: "route-failed" },
    "error",
    "10.88.100.7 released by nobody (route-failed)",
  ],
  [{ event: "lease.freed", ip: address }, "debug", "10.88.100.7 is free again"],
  [
    { event: "lease.quarantined", ip: address, reason: "decline" },
    "warn",
    "10.88.100.7 set aside (decline)",
  ],
  [
    { event: "lease.found", ip: address, evidence: "route" },
    "warn",
    "in use without a record (seen by route)",
  ],
  [
    { event: "cooling.shortened", ip: address, pool: "node" },
    "warn",
    "nothing else was free in node",
  ],
  [{ event: "pool.exhausted", pool: "node" }, "warn", "no address is free in node"],
  [
    { event: "attachment.refused", reason: "stale-call", containerId: "web-1" },
    "warn",
    "container web-1",
  ],
  [
    { event: "dhcp.refused", mac, reason: "wrong-subnet" },
    "warn",
    "52:54:00:00:00:07 refused (wrong-subnet)",
  ],
];

describe("an event", () => {
  test.each(all)("%o", async (event, level, text) => {
    const { telemetry, parsed } = start();
    const heard: unknown[] = [];
    telemetry.subscribe((recorded) => heard.push(recorded));
    telemetry.record(event);
    expect(parsed()).toEqual([
      expect.objectContaining({ level, event: event.event, msg: expect.stringContaining(text) }),
    ]);
    expect(telemetry.recent()).toEqual([
      expect.objectContaining({ at: 1_795_233_600_000, event: event.event }),
    ]);
    expect(heard).toEqual(telemetry.recent());
    expect(await telemetry.metrics()).toContain(
      `cocoon_net_events_total{event="${event.event}"} 1`,
    );
  });

  test("below the level is counted, not logged", async () => {
    const { telemetry, lines } = start("error");
    telemetry.record(bound);
    expect(lines).toEqual([]);
    expect(await telemetry.metrics()).toContain('cocoon_net_dhcp_lease_total{result="ok"} 1');
  });

  test("the recent ones are bounded and in order, by address where asked", () => {
    const { telemetry } = start("error");
    for (let number = 0; number < RECENT_EVENTS + 10; number++)
      telemetry.record({ event: "lease.freed", ip: ip(`10.0.${number >> 8}.${number & 255}`) });
    const recent = telemetry.recent();
    expect([recent.length, recent[0]?.["ip"], recent.at(-1)?.["ip"]]).toEqual([
      RECENT_EVENTS,
      "10.0.0.10",
      "10.0.16.9",
    ]);
    expect(telemetry.recent("10.0.1.0").length).toBe(1);
    expect(telemetry.recent("10.0.0.1")).toEqual([]);
  });

  test("a subscription ends", () => {
    const { telemetry } = start("error");
    const heard: unknown[] = [];
    const end = telemetry.subscribe((event) => heard.push(event));
    end();
    telemetry.record(bound);
    expect(heard).toEqual([]);
  });
});

describe("the metrics", () => {
  test("keep the Go version's names and add ours", async () => {
    const meters = createMeters();
    meters.observe(() => ({
      pools: [
        { pool: "node", states: { free: 250, offered: 0, leased: 2, cooling: 1, quarantined: 0 } },
      ],
      activeGuestLeases: 1,
      spoolDepth: 3,
      serving: true,
      dhcpReceived: { discover: 5, request: 4 },
      dhcpDropped: new Map([["rate", 1]]),
    }));
    meters.event({ event: "dhcp.refused", mac, reason: "exhausted" });
    meters.cniCall("ADD", "ok", 0.0007);
    meters.commit("ok", 4, 0.0002);
    meters.nodeRepair("route");
    const text = await meters.text();
    for (const line of [
      'cocoon_net_dhcp_lease_total{result="ok"} 0',
      'cocoon_net_dhcp_lease_total{result="failed"} 1',
      "cocoon_net_dhcp_pool_available 250",
      "cocoon_net_dhcp_lease_active 1",
      "cocoon_net_spool_depth 3",
      "cocoon_net_serving 1",
      'cocoon_net_addresses{pool="node",state="cooling"} 1',
      'cocoon_net_cni_duration_seconds_count{verb="ADD",result="ok"} 1',
      'cocoon_net_commit_duration_seconds_count{result="ok"} 1',
      "cocoon_net_committed_changes_total 4",
      'cocoon_net_node_repairs_total{item="route"} 1',
      'cocoon_net_dhcp_packets_total{type="discover"} 5',
      'cocoon_net_dhcp_dropped_total{reason="rate"} 1',
    ])
      expect(text).toContain(line);
  });
});
