// DHCP packets as an attacker makes them: real ones from the corpus, damaged where the format has its joints.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Random } from "#test/torture/random.ts";
import { joined, mutateBytes, randomBytes } from "./mutate.ts";

const OPTIONS_OFFSET = 240;
const CHADDR = 28;
const SNAME = 44;
const FILE = 108;
const MAX_PACKET = 1_400;
/** Codes that the server reads, one that it does not, padding, overload and END. */
const CODES = [0, 12, 43, 50, 51, 52, 53, 54, 55, 57, 60, 61, 80, 81, 82, 118, 255] as const;
/** Lengths that are right for some option, and those around what one byte can say. */
const LENGTHS = [0, 1, 2, 3, 4, 5, 7, 8, 64, 254, 255] as const;
/** MACs of the attackers: locally administered, no victim's, few enough to meet their own leases again. */
const FIRST_MAC = [0x02, 0x66, 0x75] as const;
const FEW_MACS = 4_096;

/** Where the server and its guests are, so that packets can speak of them. */
export interface Scene {
  readonly server: readonly number[];
  /** The first two bytes of the pool. */
  readonly network: readonly [number, number];
}

const corpusFile = z.array(z.object({ name: z.string(), hex: z.string() }));

export const packetCorpus: readonly Uint8Array[] = corpusFile
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "corpus/packets.json"), "utf8")))
  .map(({ hex }) => Uint8Array.from(Buffer.from(hex, "hex")));

/** One packet; `seeds` may have grown beyond the corpus. */
export function makePacket(random: Random, seeds: readonly Uint8Array[], scene: Scene): Uint8Array {
  let bytes = Uint8Array.from(random.pick(seeds));
  if (bytes.length > CHADDR + 6) {
    bytes.set([...FIRST_MAC, ...macTail(random)], CHADDR);
    bytes.set(randomBytes(random, 4), 4);
  }
  for (let count = random.below(5); count > 0; count -= 1)
    bytes = Uint8Array.from(damage(bytes, random, seeds, scene));
  return bytes.subarray(0, MAX_PACKET);
}

function macTail(random: Random): readonly number[] {
  const number = random.chance(0.5) ? random.below(FEW_MACS) : random.below(1 << 24);
  return [(number >> 16) & 255, (number >> 8) & 255, number & 255];
}

type Damage = (
  bytes: Uint8Array,
  random: Random,
  seeds: readonly Uint8Array[],
  scene: Scene,
) => Uint8Array;

/** Mostly in the options: what hits the fixed fields of a packet is seen at once. */
const damages: readonly Damage[] = [
  (bytes, random) => inOptions(bytes, (area) => mutateBytes(area, random)),
  (bytes, random) => inOptions(bytes, (area) => mutateBytes(area, random)),
  (bytes, random) => inHead(bytes, (head) => flipField(head, random)),
  lieAboutLength,
  insertOption,
  speakOfSomebody,
  overload,
  splice,
  repeatOption,
  (bytes, random) =>
    inOptions(bytes, () =>
      joined(Uint8Array.of(53, 1, random.below(10)), bytes.subarray(OPTIONS_OFFSET + 3)),
    ),
  truncate,
];

const damage: Damage = (bytes, random, seeds, scene) =>
  random.pick(damages)(bytes, random, seeds, scene);

/** One in eight loses more than options: the share of packets that pass the first length check stays high. */
function truncate(bytes: Uint8Array, random: Random): Uint8Array {
  if (random.chance(1 / 8)) return bytes.subarray(0, random.below(bytes.length + 1));
  return inOptions(bytes, (area) => area.subarray(0, random.below(area.length + 1)));
}

/** Where options begin, following lengths as a reader does. */
function optionStarts(area: Uint8Array): readonly number[] {
  const starts: number[] = [];
  for (let at = 0; at < area.length;) {
    const code = area[at];
    starts.push(at);
    if (code === 255) break;
    at += code === 0 ? 1 : 2 + (area[at + 1] ?? 0);
  }
  return starts;
}

function lieAboutLength(bytes: Uint8Array, random: Random): Uint8Array {
  return inOptions(bytes, (area) => {
    const starts = optionStarts(area);
    const copy = Uint8Array.from(area);
    if (starts.length > 0) copy[random.pick(starts) + 1] = random.pick(LENGTHS);
    return copy.subarray(0, area.length);
  });
}

function insertOption(bytes: Uint8Array, random: Random): Uint8Array {
  return inOptions(bytes, (area) => {
    const length = random.pick(LENGTHS);
    const said = random.chance(0.8) ? length : random.pick(LENGTHS);
    const head = Uint8Array.of(random.pick(CODES), said);
    const at = random.pick([0, ...optionStarts(area)]);
    return joined(area.subarray(0, at), head, randomBytes(random, length), area.subarray(at));
  });
}

/** Names the server, an address of the pool, or one of somebody else. */
function speakOfSomebody(
  bytes: Uint8Array,
  random: Random,
  _seeds: readonly Uint8Array[],
  scene: Scene,
): Uint8Array {
  const own = [...scene.network, random.below(4), random.below(256)];
  const address = random.pick([scene.server, own, own, [255, 255, 255, 255], [127, 0, 0, 1]]);
  const place = random.below(4);
  if (place === 0 && bytes.length >= 16) {
    const copy = Uint8Array.from(bytes);
    copy.set(address, 12);
    return copy;
  }
  return inOptions(bytes, (area) =>
    joined(Uint8Array.of(place === 1 ? 54 : 50, 4, ...address), area),
  );
}

/** Option 52, with options in `sname` and `file`: the same, others, or none that end. */
function overload(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < OPTIONS_OFFSET) return bytes;
  const copy = joined(
    bytes.subarray(0, OPTIONS_OFFSET),
    Uint8Array.of(52, random.pick([1, 1, 1, 0, 2]), 1 + random.below(4)),
    bytes.subarray(OPTIONS_OFFSET),
  );
  const lent = bytes.subarray(OPTIONS_OFFSET);
  const start = random.below(Math.max(1, lent.length));
  copy.set(lent.subarray(start, start + FILE - SNAME), SNAME);
  copy.set(lent.subarray(0, OPTIONS_OFFSET - 4 - FILE), FILE);
  return copy;
}

function splice(bytes: Uint8Array, random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  const other = random.pick(seeds).subarray(OPTIONS_OFFSET);
  return inOptions(bytes, (area) => {
    const at = random.pick([0, ...optionStarts(area)]);
    const from = random.pick([0, ...optionStarts(other)]);
    return joined(area.subarray(0, at), other.subarray(from));
  });
}

/** Pieces of one code are joined (RFC 3396): a repeated option grows. */
function repeatOption(bytes: Uint8Array, random: Random): Uint8Array {
  return inOptions(bytes, (area) => {
    const at = random.pick([0, ...optionStarts(area)]);
    const whole = area.subarray(at, at + 2 + (area[at + 1] ?? 0));
    const times = 1 + random.below(6);
    return joined(...Array.from({ length: times }, () => whole), area);
  });
}

function flipField(head: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(head);
  // op, htype, hlen, hops, flags, ciaddr, giaddr; rarely the cookie.
  const at = random.pick([0, 1, 2, 3, 10, 12, 15, 24, 26, random.below(OPTIONS_OFFSET)]);
  copy[at] = random.chance(0.5) ? random.below(8) : random.below(256);
  return copy;
}

function inHead(bytes: Uint8Array, change: (head: Uint8Array) => Uint8Array): Uint8Array {
  return joined(change(bytes.subarray(0, OPTIONS_OFFSET)), bytes.subarray(OPTIONS_OFFSET));
}

function inOptions(bytes: Uint8Array, change: (area: Uint8Array) => Uint8Array): Uint8Array {
  if (bytes.length < OPTIONS_OFFSET) return bytes;
  return joined(bytes.subarray(0, OPTIONS_OFFSET), change(bytes.subarray(OPTIONS_OFFSET)));
}
