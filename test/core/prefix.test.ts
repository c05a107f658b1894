// Blocks in CIDR notation: reading, bounds, containment and overlap.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Family, familyBits, ip, ipFromNumber } from "#core/address.ts";
import {
  type Prefix,
  containsIp,
  containsPrefix,
  formatPrefix,
  hasHostBits,
  netmask,
  overlaps,
  parsePrefix,
  prefixAddress,
  prefixLast,
  prefixOf,
  prefixSize,
} from "#core/prefix.ts";

const prefix = (text: string): Prefix => parsePrefix(text) ?? expect.fail(`not a prefix: ${text}`);

it.each([
  ["10.0.0.0/24", "10.0.0.0/24", false, "10.0.0.255", 256n, "255.255.255.0"],
  ["10.0.0.77/24", "10.0.0.0/24", true, "10.0.0.255", 256n, "255.255.255.0"],
  ["10.0.0.7/32", "10.0.0.7/32", false, "10.0.0.7", 1n, "255.255.255.255"],
  ["10.0.0.7/31", "10.0.0.6/31", true, "10.0.0.7", 2n, "255.255.255.254"],
  ["0.0.0.0/0", "0.0.0.0/0", false, "255.255.255.255", 2n ** 32n, "0.0.0.0"],
  [
    "2001:db8::1/64",
    "2001:db8::/64",
    true,
    "2001:db8::ffff:ffff:ffff:ffff",
    2n ** 64n,
    "ffff:ffff:ffff:ffff::",
  ],
  ["::/0", "::/0", false, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2n ** 128n, "::"],
])("%s", (text, canonical, hostBits, last, size, mask) => {
  const block = prefix(text);
  expect(formatPrefix(block)).toBe(canonical);
  expect(`${prefixAddress(block)}/${block.length}`).toBe(canonical);
  expect(hasHostBits(text)).toBe(hostBits);
  expect(prefixLast(block)).toBe(prefixOf(ip(last), familyBits(block.family)).base);
  expect(prefixSize(block)).toBe(size);
  expect(netmask(block)).toBe(ip(mask));
});

it.each([
  "",
  "10.0.0.0",
  "10.0.0.0/",
  "10.0.0.0/33",
  "10.0.0.0/024",
  "10.0.0.0/-1",
  "10.0.0.0/24/1",
  "::/129",
  "::/1e1",
  "x/8",
  "10.0.0.0/255.0.0.0",
])("refuses %j", (text) => {
  expect(parsePrefix(text)).toBeUndefined();
  expect(hasHostBits(text)).toBe(false);
});

describe("containment", () => {
  const block = (family: Family) =>
    fc
      .tuple(fc.integer({ min: 0, max: 15 }), fc.integer({ min: 0, max: 4 }))
      .map(([at, hostBits]): Prefix =>
        prefixOf(ipFromNumber(family, BigInt(at)), familyBits(family) - hostBits),
      );
  const any = fc.oneof(block(4), block(6));

  it("is what comparing every address says", () => {
    const members = (one: Prefix) =>
      Array.from({ length: Number(prefixSize(one)) }, (_, index) =>
        ipFromNumber(one.family, one.base + BigInt(index)),
      );
    fc.assert(
      fc.property(any, any, (one, other) => {
        const shared = members(other).filter((address) => members(one).includes(address));
        expect(members(other).filter((address) => containsIp(one, address))).toEqual(shared);
        expect(containsPrefix(one, other)).toBe(shared.length === members(other).length);
        expect(overlaps(one, other)).toBe(shared.length > 0);
        expect(overlaps(other, one)).toBe(shared.length > 0);
      }),
    );
  });
});
