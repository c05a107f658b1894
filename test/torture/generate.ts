// Random sequences of operations, made without a look at the node's state: weights and nothing else.

import type { Verb } from "#core/effects.ts";
import { crashPoints, nameOf } from "#test/crash/points.ts";
import type { Kill, Operation, Simple } from "./operation.ts";
import { type Random, randomFrom } from "./random.ts";

/** Prefix lengths of the pools: 5 addresses, 13, 29. All are smaller than what is asked of them. */
const PREFIXES = [29, 28, 28, 27] as const;
/** Of a pool's addresses so many containers and guests live on the node. */
const CROWD = 0.75;

const DAY = 86_400_000;

export interface Plan {
  readonly seed: number;
  readonly prefix: number;
  readonly slots: number;
  readonly guests: number;
  readonly operations: readonly Operation[];
}

const pointsOf = (verbs: readonly Verb[]): string[] =>
  crashPoints()
    .filter(({ verb }) => verbs.includes(verb))
    .map(nameOf);
/** Where a start can die: IMPORT is left to the crash suite, for nobody but us writes the mirror here. */
const startPoints = pointsOf(["DEL", "RECOVER"]).filter((name) => !name.includes("reply"));
/** What the broker is about while an operation is under way. */
const verbsOf: Readonly<Partial<Record<Simple["op"], readonly Verb[]>>> = {
  add: ["ADD", "CONFIRM"],
  "late-add": ["ADD"],
  del: ["DEL"],
  check: ["CHECK"],
  gc: ["GC"],
  forget: ["FORGET"],
  boot: ["DISCOVER", "REQUEST"],
  renew: ["REQUEST"],
  release: ["RELEASE"],
  decline: ["DECLINE"],
  pass: ["SWEEP"],
  look: ["SWEEP"],
  fsck: ["SWEEP", "DEL"],
  drain: ["DEL"],
};
/** Beside the crowd of a deadly moment: what the broker does by itself, and the rarer calls. */
const company: readonly Simple[] = [
  { op: "fsck", repair: true, between: [] },
  { op: "pass", milliseconds: 130_001 },
  { op: "mirror" },
  { op: "drain" },
  { op: "gc", keep: "living" },
  { op: "look", between: [] },
];

export function makePlan(seed: number, length: number): Plan {
  const random = randomFrom(seed);
  const prefix = random.pick(PREFIXES);
  const size = 2 ** (32 - prefix) - 3;
  const slots = Math.ceil(size * CROWD);
  const guests = Math.ceil(size * CROWD);
  const maker = { random, slots, guests, size };
  const operations = Array.from({ length }, () => operation(maker));
  return { seed, prefix, slots, guests, operations };
}

interface Maker {
  readonly random: Random;
  readonly slots: number;
  readonly guests: number;
  readonly size: number;
}

function operation(maker: Maker): Operation {
  const { random } = maker;
  const roll = random.real();
  if (roll < 0.045) {
    const parts = [random.pick(company), ...crowd(maker, 5)];
    return { op: "together", parts, kill: kill(maker, parts) };
  }
  if (roll < 0.08) return { op: "together", parts: crowd(maker, 6) };
  if (roll < 0.095) return { op: "settle" };
  if (roll < 0.11) return { op: "look", between: crowd(maker, 2) };
  if (roll < 0.135) {
    const between = random.chance(0.4) ? crowd(maker, 2) : [];
    return { op: "fsck", repair: random.chance(0.6), between };
  }
  return simple(maker);
}

const crowd = (maker: Maker, most: number): Simple[] =>
  Array.from({ length: 1 + maker.random.below(most) }, () => busy(maker));

function kill({ random, slots }: Maker, parts: readonly Simple[]): Kill {
  const verbs = parts.flatMap(({ op }) => verbsOf[op] ?? []);
  return {
    at: random.chance(0.75) ? random.pick(pointsOf(verbs)) : random.below(16),
    power: random.chance(0.25),
    released: random.chance(0.3) ? [random.below(slots)] : [],
    ...(random.chance(0.15) ? { again: random.pick(startPoints) } : {}),
  };
}

/** What containers and guests do; the kinds that can happen at the same time. */
function busy(maker: Maker): Simple {
  const { random, slots, guests, size } = maker;
  const slot = random.below(slots);
  const guest = random.below(guests);
  const port = random.chance(0.85) ? 0 : 1;
  const roll = random.real();
  if (roll < 0.3) {
    const confirm = random.chance(0.85);
    const asked = random.chance(0.08) ? { asks: random.below(size) } : {};
    return { op: "add", slot, port, confirm, ...asked };
  }
  if (roll < 0.5) {
    const how = random.pick([
      "plain",
      "plain",
      "plain",
      "plain",
      "renamed",
      "broken",
      "late",
    ] as const);
    const ends = random.pick(["namespace", "afterwards", "afterwards", "never"] as const);
    return { op: "del", slot, port, how, ends };
  }
  if (roll < 0.54) return { op: "late-add", slot, port };
  if (roll < 0.77) {
    const lost = random.chance(0.25) ? 1 << random.below(4) : 0;
    const twice = random.chance(0.2) ? 1 + random.below(15) : 0;
    const way = random.chance(0.8) ? "plain" : random.pick(["rapid", "other-server"] as const);
    const asked = random.chance(0.1) ? { asks: random.below(size) } : {};
    return { op: "boot", guest, lost, twice, way, ...asked };
  }
  if (roll < 0.84) {
    const how = random.pick(["renewing", "rebinding", "init-reboot"] as const);
    return { op: "renew", guest, how, lost: random.below(4) === 0 ? 8 : 0 };
  }
  if (roll < 0.94) return { op: "release", guest, spoofed: random.chance(0.2) };
  if (roll < 0.955) return { op: "decline", guest };
  if (roll < 0.985) return { op: "check", slot, port };
  return { op: "forget", slot, stale: random.chance(0.7) };
}

function simple(maker: Maker): Simple {
  const { random, slots } = maker;
  const roll = random.real();
  if (roll < 0.78) return busy(maker);
  if (roll < 0.84)
    return { op: "pass", milliseconds: random.pick([500, 5_000, 20_000, 61_000, 130_001]) };
  if (roll < 0.865)
    return { op: "del", slot: random.below(slots), port: 0, how: "spooled", ends: "namespace" };
  if (roll < 0.89) return { op: "die", slot: random.below(slots) };
  if (roll < 0.91) return { op: "drain" };
  if (roll < 0.925) return { op: "mirror" };
  if (roll < 0.945)
    return {
      op: "gc",
      keep: random.pick(["living", "living", "living", "absent", "none"] as const),
    };
  if (roll < 0.96)
    return { op: "bridge", how: random.pick(["lost", "back", "flushed", "stray"] as const) };
  if (roll < 0.975) return { op: "refuse-commits", count: 1 + random.below(3) };
  if (roll < 0.985) return { op: "refuse-routes", count: 1 + random.below(3) };
  return {
    op: "step-clock",
    milliseconds: random.pick([-DAY, -60_000, -1_000, 1_000, 60_000, 600_000, DAY]),
  };
}
