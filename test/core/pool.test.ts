// Which address comes next, by the numbers of host-local's own cases and against a model that walks address by address.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Ip, ip, ipFromNumber, ipToNumber } from "#core/address.ts";
import { Blocks } from "#core/blocks.ts";
import { isAllocatable, nextAddress, poolSize } from "#core/pool.ts";
import { type Prefix, containsIp, parsePrefix } from "#core/prefix.ts";
import { type RangeInput, type RangeSet, parseRange, rangeFor } from "#core/range.ts";

const prefix = (text: string): Prefix => parsePrefix(text) ?? expect.fail(`not a prefix: ${text}`);

function rangeSet(...inputs: readonly (string | RangeInput)[]): RangeSet {
  return inputs.map((input) => {
    const parsed = parseRange(typeof input === "string" ? { subnet: input } : input);
    return typeof parsed === "string" ? expect.fail(parsed) : parsed;
  });
}

function taken(set: RangeSet, addresses: readonly string[]): Blocks {
  const blocks = new Blocks(set[0]?.family ?? 4);
  for (const address of addresses) blocks.takeAddress(ipToNumber(ip(address)));
  return blocks;
}

/** Takes address after address until none is left. */
function drain(set: RangeSet, after: string | undefined): string[] {
  const blocks = taken(set, []);
  const given: string[] = [];
  let cursor = after === undefined ? undefined : ip(after);
  for (;;) {
    const next = nextAddress(set, cursor, blocks);
    if (next === undefined) return given;
    expect(blocks.takeAddress(ipToNumber(next.ip))).toBe(true);
    given.push(next.ip);
    cursor = next.ip;
  }
}

const hosts = (network: string, ...last: number[]): string[] =>
  last.map((one) => `${network}.${one}`);

describe("the order of a whole round", () => {
  it.each<[string, RangeSet, string | undefined, string[]]>([
    [
      "12, 17, 22: from empty",
      rangeSet("192.168.1.0/29"),
      undefined,
      hosts("192.168.1", 2, 3, 4, 5, 6),
    ],
    [
      "13: last at the end",
      rangeSet("192.168.1.0/29"),
      "192.168.1.6",
      hosts("192.168.1", 2, 3, 4, 5, 6),
    ],
    [
      "14: last in the middle",
      rangeSet("192.168.1.0/29"),
      "192.168.1.3",
      hosts("192.168.1", 4, 5, 6, 2, 3),
    ],
    ["22: /30", rangeSet("192.168.1.0/30"), undefined, hosts("192.168.1", 2)],
    [
      "22: two /30",
      rangeSet("192.168.1.0/30", "192.168.1.4/30"),
      undefined,
      hosts("192.168.1", 2, 6),
    ],
    [
      "23: last at the end of range 1 of 2",
      rangeSet("192.168.1.0/29", "192.168.2.0/29"),
      "192.168.1.6",
      [...hosts("192.168.2", 2, 3, 4, 5, 6), ...hosts("192.168.1", 2, 3, 4, 5, 6)],
    ],
    [
      "24: explicit .0 address",
      rangeSet({ subnet: "192.168.1.0/24", rangeStart: "192.168.1.0", rangeEnd: "192.168.1.3" }),
      undefined,
      hosts("192.168.1", 0, 2, 3),
    ],
    [
      "cursor in the middle of range 2 of 3",
      rangeSet("10.0.0.0/30", "10.0.1.0/29", "10.0.2.0/30"),
      "10.0.1.4",
      [...hosts("10.0.1", 5, 6), "10.0.2.2", "10.0.0.2", ...hosts("10.0.1", 2, 3, 4)],
    ],
    [
      "gateway at the end and exclusions",
      rangeSet({
        subnet: "10.0.0.0/28",
        gateway: "10.0.0.14",
        exclude: ["10.0.0.1", "10.0.0.4/30", "10.0.0.12"],
      }),
      "10.0.0.9",
      hosts("10.0.0", 10, 11, 13, 2, 3, 8, 9),
    ],
    ["all excluded", rangeSet({ subnet: "10.0.0.0/28", exclude: ["10.0.0.0/28"] }), undefined, []],
    [
      "IPv6",
      rangeSet("2001:db8::/125"),
      "2001:db8::5",
      ["2001:db8::6", "2001:db8::7", "2001:db8::2", "2001:db8::3", "2001:db8::4", "2001:db8::5"],
    ],
  ])("%s", (_name, set, after, expected) => {
    expect(drain(set, after)).toEqual(expected);
    expect(poolSize(set)).toBe(BigInt(expected.length));
  });
});

describe("case 15: round robin", () => {
  const set = rangeSet("10.0.0.0/29");
  it.each<[string, RangeSet, string[], string | undefined, string | undefined]>([
    ["fresh", set, [], undefined, "10.0.0.2"],
    ["fresh IPv6", rangeSet("2001:db8:1::/64"), [], undefined, "2001:db8:1::2"],
    ["fresh /30", rangeSet("10.0.0.0/30"), [], undefined, "10.0.0.2"],
    [".2 used", set, ["10.0.0.2"], undefined, "10.0.0.3"],
    ["last .5", set, [], "10.0.0.5", "10.0.0.6"],
    [".4 and .5 used, last .3", set, ["10.0.0.4", "10.0.0.5"], "10.0.0.3", "10.0.0.6"],
    [".6 used, last .5", set, ["10.0.0.6"], "10.0.0.5", "10.0.0.2"],
    [".2 used, last out of range", set, ["10.0.0.2"], "10.0.0.128", "10.0.0.3"],
    ["all but the last used", set, hosts("10.0.0", 2, 4, 5, 6), "10.0.0.3", "10.0.0.3"],
    ["all used", set, hosts("10.0.0", 2, 3, 4, 5, 6), "10.0.0.3", undefined],
    ["last of the other family", set, [], "2001:db8::5", "10.0.0.2"],
    ["no range", [], [], undefined, undefined],
  ])("%s", (_name, ranges, used, after, expected) => {
    expect(
      nextAddress(ranges, after === undefined ? undefined : ip(after), taken(ranges, used))?.ip,
    ).toBe(expected);
  });
});

describe("case 16: several subnets", () => {
  const three = rangeSet("10.0.0.0/30", "10.0.1.0/30", "10.0.2.0/30");
  it.each([
    ["fresh", rangeSet("10.0.0.0/30", "10.0.1.0/30"), undefined, "10.0.0.2", 0],
    ["last in the first", rangeSet("10.0.0.0/30", "10.0.1.0/30"), "10.0.0.2", "10.0.1.2", 1],
    ["last in the last", three, "10.0.2.2", "10.0.0.2", 0],
  ])("%s", (_name, set, after, expected, index) => {
    const next = nextAddress(set, after === undefined ? undefined : ip(after), taken(set, []));
    expect(next).toEqual({ ip: expected, range: set[index] });
  });
});

it("case 18: an address just released is not the next one", () => {
  const set = rangeSet("10.0.0.0/29");
  const blocks = taken(set, ["10.0.0.2"]);
  blocks.releaseAddress(ipToNumber(ip("10.0.0.2")));
  expect(nextAddress(set, ip("10.0.0.2"), blocks)?.ip).toBe("10.0.0.3");
});

describe("case 19 and 21: requested addresses", () => {
  const set = rangeSet(
    {
      subnet: "192.168.1.0/24",
      rangeStart: "192.168.1.10",
      rangeEnd: "192.168.1.20",
      gateway: "192.168.1.15",
      exclude: ["192.168.1.18/31"],
    },
    { subnet: "192.168.2.0/24" },
  );
  it.each([
    ["192.168.1.10", 0],
    ["192.168.1.20", 0],
    ["192.168.2.9", 1],
    ["192.168.1.9", undefined],
    ["192.168.1.21", undefined],
    ["192.168.1.15", undefined],
    ["192.168.1.19", undefined],
    ["192.168.2.0", undefined],
    ["192.168.2.255", undefined],
    ["192.168.2.1", undefined],
    ["2001:db8::1", undefined],
  ])("%s from range %s", (address, index) => {
    expect(isAllocatable(set, ip(address))).toBe(index === undefined ? undefined : set[index]);
  });
});

/** Address by address, as the definition says. */
function walk(
  set: RangeSet,
  after: Ip | undefined,
  isTaken: (address: Ip) => boolean,
): Ip | undefined {
  const all = set.flatMap((range) =>
    Array.from({ length: Number(range.last - range.first) + 1 }, (_, index) =>
      ipFromNumber(range.family, range.first + BigInt(index)),
    ),
  );
  const behind = after === undefined ? 0 : all.indexOf(after) + 1;
  return [...all.slice(behind), ...all.slice(0, behind)].find((address) => {
    const range = rangeFor(set, address);
    return (
      range?.gateway !== address &&
      !range?.exclude.some((block) => containsIp(block, address)) &&
      !isTaken(address)
    );
  });
}

describe.each(["10.0", "2001:db8:"])("against a walk, in %s", (network) => {
  const v6 = network.includes(":");
  const at = (third: number, host: number): string =>
    v6 ? `${network}${third}::${host.toString(16)}` : `${network}.${third}.${host}`;
  const range = (third: number) =>
    fc
      .record({
        start: fc.integer({ min: 0, max: 30 }),
        length: fc.integer({ min: 0, max: 31 }),
        gateway: fc.integer({ min: 1, max: 62 }),
        exclude: fc.array(
          fc.tuple(fc.integer({ min: 0, max: 63 }), fc.integer({ min: 0, max: 4 })),
          { maxLength: 4 },
        ),
      })
      .map(({ start, length, gateway, exclude }): RangeInput => ({
        subnet: `${at(third, 0)}/${v6 ? 122 : 26}`,
        rangeStart: at(third, start),
        rangeEnd: at(third, start + length),
        gateway: at(third, gateway),
        exclude: exclude.map(
          ([host, bits]) => `${at(third, (host >> bits) << bits)}/${(v6 ? 128 : 32) - bits}`,
        ),
      }));
  const address = fc
    .tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 63 }))
    .map(([third, host]) => ip(at(third, host)));

  it("gives the same address, and counts what it can give", () => {
    fc.assert(
      fc.property(
        fc.tuple(range(0), range(1), range(2)),
        fc.integer({ min: 1, max: 3 }),
        fc.array(address, { maxLength: 150, size: "max" }),
        fc.option(address, { nil: undefined }),
        (inputs, count, used, after) => {
          const set = rangeSet(...inputs.slice(0, count));
          const next = nextAddress(set, after, taken(set, used));
          expect(next?.ip).toBe(walk(set, after, (one) => used.includes(one)));
          if (next !== undefined) expect(isAllocatable(set, next.ip)).toBe(next.range);
          expect(poolSize(set)).toBe(BigInt(drain(set, undefined).length));
        },
      ),
      { numRuns: 300 },
    );
  });
});

it("finds the one free address among 65,534 without a walk", () => {
  const set = rangeSet("10.9.0.0/16");
  const blocks = new Blocks(4);
  blocks.take(prefix("10.9.0.0/16"));
  blocks.releaseAddress(ipToNumber(ip("10.9.200.7")));
  expect(nextAddress(set, ip("10.9.200.8"), blocks)?.ip).toBe("10.9.200.7");
});
