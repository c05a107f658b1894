// What the product promises of speed and memory, and where each figure is found.

import { measured, quotient, ratio, worst } from "./evidence.ts";
import { type Promised, atLeast, atMost } from "./promise-table.ts";

const MOST_LEASES = "65,536 leases";
/** What counts as flat for whole processes: no more than runs of one and the same case differ by. */
const FLAT_PROCESSES = 1.5;
const FLAT_ALLOCATOR = 1.2;
const POOLS = ["2^12", "2^16", "2^20"];
const OPERATIONS = ["half full: allocate", "half full: release", "nearly full: release and find"];
const MICROSECONDS_PER_MILLISECOND = 1_000;

const plugin = (verb: string, leases: string, crowd: string, unit: string, to: string) =>
  ratio({
    bench: "plugin",
    case: `${verb}, ${leases}, ${crowd} at a time`,
    unit,
    of: "cocoon-ipam",
    to,
  });

/** p50 of calls one at a time; without a goal of its own, the bar is the goal. */
const calls = (verb: string, leases: string, goal?: number): Promised => ({
  promise: `${verb} with ${leases}, p50 against host-local's`,
  goal: atMost(goal ?? 0.5),
  ...(goal === undefined ? {} : { bar: atMost(0.5) }),
  found: plugin(verb, leases, "1", "µs", "host-local"),
});

const forwarded = (verb: string): Promised => ({
  promise: `${verb} with 0 leases, p50 against a static C forwarder's`,
  goal: atMost(1.5),
  bar: atMost(2),
  found: plugin(verb, "0 leases", "1", "µs", "C forwarder"),
});

const crowd = (leases: string): Promised => ({
  promise: `ADDs 32 at a time with ${leases}, rate against host-local's`,
  goal: atLeast(3),
  bar: atLeast(2),
  found: plugin("ADD", leases, "32", "calls/s", "host-local"),
});

const flat = (verb: string): Promised => {
  const p50 = (leases: string) =>
    measured({
      bench: "flat",
      case: `${verb}, ${leases}, 1 at a time`,
      contestant: "cocoon-ipam",
    });
  return {
    promise: `${verb} with ${MOST_LEASES}, p50 against that with none`,
    goal: atMost(FLAT_PROCESSES),
    found: quotient(p50(MOST_LEASES), p50("0 leases")),
  };
};

const overKea = (bench: string, name: string, unit: string) =>
  ratio({ bench, case: name, unit, of: "cocoon-net", to: "Kea" });

const exchangeCost = (rate: string): Promised => ({
  promise: `DHCP, processor time of an exchange against Kea's, at ${rate}`,
  goal: atMost(0.6),
  found: overKea("dhcp", `${rate}: processor time of an exchange`, "µs CPU"),
});

const restart = (what: string, goal: number, name: string, bar?: number): Promised => ({
  promise: `start with ${MOST_LEASES}, ${what}`,
  goal: atMost(goal, "ms"),
  ...(bar === undefined ? {} : { bar: atMost(bar, "ms") }),
  found: measured({ bench: "restart", case: `${MOST_LEASES}, ${name}` }),
});

const holding = (leases: string, goal: number): Promised => ({
  promise: `memory with ${leases}`,
  goal: atMost(goal, "MiB"),
  found: measured({ bench: "memory", case: leases }),
});

const flatAllocator = (operation: string): Promised => ({
  promise: `allocator, ${operation}: any pool of 2^12 to 2^20 against 2^8`,
  goal: atMost(FLAT_ALLOCATOR),
  found: worst(
    POOLS.map((of) => ratio({ bench: "allocator", case: operation, unit: "ns", of, to: "2^8" })),
  ),
});

export const promises: readonly Promised[] = [
  calls("ADD", "0 leases", 0.4),
  calls("ADD", "1,000 leases"),
  calls("ADD", "10,000 leases", 0.05),
  calls("ADD", MOST_LEASES, 0.05),
  ...["0 leases", "1,000 leases", "10,000 leases", MOST_LEASES].map((leases) =>
    calls("DEL", leases),
  ),
  ...["ADD", "DEL"].map(forwarded),
  ...["ADD", "DEL"].map(flat),
  ...["0 leases", "1,000 leases", "10,000 leases", MOST_LEASES].map(crowd),
  {
    promise: "DHCP, highest lossless rate against Kea's (raw guests)",
    goal: atLeast(3),
    found: overKea("dhcp", "highest lossless rate", "exchanges/s"),
  },
  {
    promise: "DHCP, highest lossless rate against Kea's (perfdhcp)",
    goal: atLeast(1.8),
    found: overKea("perfdhcp", "highest lossless rate", "exchanges/s"),
  },
  ...["2000/s", "Kea's highest rate"].map(exchangeCost),
  {
    promise: "DHCP, DISCOVER to ACK at Kea's highest rate, p99",
    goal: atMost(5, "ms"),
    found: measured({
      bench: "dhcp",
      case: "Kea's highest rate: DISCOVER to ACK",
      contestant: "cocoon-net",
      p99: true,
      scale: MICROSECONDS_PER_MILLISECOND,
    }),
  },
  restart("routes intact, to READY=1", 700, "routes intact: READY=1", 1_000),
  restart("routes gone, until all stand", 3_000, "routes gone: every route stands"),
  holding("140 leases", 100),
  holding(MOST_LEASES, 200),
  {
    promise: `memory with ${MOST_LEASES}, after a restart`,
    goal: atMost(200, "MiB"),
    found: measured({ bench: "memory", case: `${MOST_LEASES}, restarted` }),
  },
  {
    promise: "memory after 200,000 pairs of ADD and DEL against before",
    goal: atMost(1.05),
    found: measured({ bench: "memory", case: "growth over 200,000 pairs" }),
  },
  ...OPERATIONS.map(flatAllocator),
  {
    promise: "allocator, its state for an address, every other one taken",
    goal: atMost(64, "bytes"),
    found: worst(
      ["2^8", ...POOLS].map((contestant) =>
        measured({ bench: "allocator", case: "every other one taken: state", contestant }),
      ),
    ),
  },
  {
    promise: "the ledger's indexes for a lease, without its record",
    goal: atMost(1_536, "bytes"),
    found: worst(
      ["containers", "guests"].map((contestant) =>
        measured({ bench: "allocator", case: "65,536 leases: indexes", contestant }),
      ),
    ),
  },
];
