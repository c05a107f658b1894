// The Prometheus metrics: their names, what counts them, and the gauges read at each scrape.

import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { type BusinessEvent, findings } from "#core/events.ts";

/** What gauges show: counts at the moment of a scrape. */
export interface Observed {
  /** Addresses of each pool by state; the node's pool is named `node`. */
  readonly pools: readonly {
    readonly pool: string;
    readonly states: Readonly<
      Record<"free" | "offered" | "leased" | "cooling" | "quarantined", number>
    >;
  }[];
  readonly activeGuestLeases: number;
  readonly spoolDepth: number;
  readonly serving: boolean;
  /** Other DHCP servers on the bridge. */
  readonly rogueServers?: number;
  /** DHCP packets since start, by message type. */
  readonly dhcpReceived: Readonly<Record<string, number>>;
  /** DHCP packets left without an answer since start, by reason. */
  readonly dhcpDropped: ReadonlyMap<string, number>;
}

export interface Meters {
  event(event: BusinessEvent): void;
  /** `result` is `ok` or the CNI error code. */
  cniCall(verb: string, result: string, seconds: number): void;
  /** One group commit of so many changes. */
  commit(result: "ok" | "failed", changes: number, seconds: number): void;
  /** Something of the node's set-up was put right. */
  nodeRepair(item: string): void;
  observe(source: () => Observed): void;
  text(): Promise<string>;
}

/** CNI calls: 1 ms to 10 s. */
const CALL_BUCKETS = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];
/** Commits: 50 µs to 1 s. */
const COMMIT_BUCKETS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1,
];

/**
 * Metrics in a registry of their own. The three `cocoon_net_dhcp_lease…` and `…pool…` names are the Go version's.
 * `lostLogLines` is asked at each scrape: who reads metrics learns of a log that nobody can write.
 */
export function createMeters(lostLogLines: () => number = () => 0): Meters {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const leaseTotal = counter("cocoon_net_dhcp_lease_total", "DHCP leases asked for, by result.", [
    "result",
  ]);
  const events = counter("cocoon_net_events_total", "Business events, by kind.", ["event"]);
  const released = counter("cocoon_net_released_total", "Addresses released, by reason.", [
    "reason",
  ]);
  const orphaned = counter(
    "cocoon_net_reconciler_findings_total",
    "Addresses whose holder was found to be gone, by what showed it.",
    ["finding"],
  );
  const calls = new Histogram({
    name: "cocoon_net_cni_duration_seconds",
    help: "CNI calls in the broker, by verb and result.",
    labelNames: ["verb", "result"],
    buckets: CALL_BUCKETS,
    registers,
  });
  const commits = new Histogram({
    name: "cocoon_net_commit_duration_seconds",
    help: "Group commits of the ledger, by result.",
    labelNames: ["result"],
    buckets: COMMIT_BUCKETS,
    registers,
  });
  const committed = counter("cocoon_net_committed_changes_total", "Changes made durable.", []);
  const repairs = counter(
    "cocoon_net_node_repairs_total",
    "Items of the node's set-up that were put right.",
    ["item"],
  );
  new Counter({
    name: "cocoon_net_log_lines_lost_total",
    help: "Log lines that standard error did not take in.",
    registers,
    collect() {
      this.reset();
      this.inc(lostLogLines());
    },
  });
  leaseTotal.inc({ result: "ok" }, 0);
  leaseTotal.inc({ result: "failed" }, 0);
  for (const finding of findings) orphaned.inc({ finding }, 0);
  return {
    event(event) {
      events.inc({ event: event.event });
      if (event.event === "lease.released") released.inc({ reason: event.reason });
      if (event.event === "lease.orphaned") orphaned.inc({ finding: event.finding });
      if (event.event === "lease.bound" && event.owner.kind === "guest")
        leaseTotal.inc({ result: "ok" });
      if (event.event === "dhcp.refused") leaseTotal.inc({ result: "failed" });
    },
    cniCall: (verb, result, seconds) => calls.observe({ verb, result }, seconds),
    commit(result, changes, seconds) {
      commits.observe({ result }, seconds);
      if (result === "ok") committed.inc(changes);
    },
    nodeRepair: (item) => repairs.inc({ item }),
    observe: (source) => registerGauges(registry, source),
    text: () => registry.metrics(),
  };
}

function registerGauges(registry: Registry, source: () => Observed): void {
  const registers = [registry];
  const plain = (name: string, help: string, read: (observed: Observed) => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(source()));
      },
    });
  plain(
    "cocoon_net_dhcp_pool_available",
    "Addresses of the node's pool that are free.",
    ({ pools }) => pools.find(({ pool }) => pool === "node")?.states.free ?? 0,
  );
  plain(
    "cocoon_net_dhcp_lease_active",
    "DHCP leases in force.",
    ({ activeGuestLeases }) => activeGuestLeases,
  );
  plain(
    "cocoon_net_spool_depth",
    "Releases that wait in the spool.",
    ({ spoolDepth }) => spoolDepth,
  );
  plain(
    "cocoon_net_dhcp_rogue_servers",
    "Other DHCP servers heard on the bridge.",
    ({ rogueServers }) => rogueServers ?? 0,
  );
  plain("cocoon_net_serving", "1 while ADDs are answered.", ({ serving }) => (serving ? 1 : 0));
  const addresses = new Gauge({
    name: "cocoon_net_addresses",
    help: "Addresses by pool and state.",
    labelNames: ["pool", "state"],
    registers,
    collect() {
      addresses.reset();
      for (const { pool, states } of source().pools)
        for (const [state, amount] of Object.entries(states))
          addresses.set({ pool, state }, amount);
    },
  });
  const running = (
    name: string,
    help: string,
    label: string,
    read: (observed: Observed) => Iterable<[string, number]>,
  ) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [value, amount] of read(source())) this.inc({ [label]: value }, amount);
      },
    });
  running(
    "cocoon_net_dhcp_packets_total",
    "DHCP packets received, by message type.",
    "type",
    ({ dhcpReceived }) => Object.entries(dhcpReceived),
  );
  running(
    "cocoon_net_dhcp_dropped_total",
    "DHCP packets left without an answer, by reason.",
    "reason",
    ({ dhcpDropped }) => dhcpDropped,
  );
}
