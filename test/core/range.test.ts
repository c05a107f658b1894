// Ranges as host-local reads them: defaults, errors, membership and overlap, by the numbers of its own suite's cases.

import { describe, expect, it } from "vitest";
import { ip, ipFromNumber } from "#core/address.ts";
import { formatPrefix } from "#core/prefix.ts";
import {
  type Range,
  type RangeInput,
  type RangeSet,
  checkRangeSets,
  describeSet,
  formatRange,
  parseRange,
  parseRangeSet,
  rangeContains,
  rangeFor,
  rangesOverlap,
} from "#core/range.ts";

function range(subnet: string, rest: Omit<RangeInput, "subnet"> = {}): Range {
  const parsed = parseRange({ subnet, ...rest });
  return typeof parsed === "string" ? expect.fail(parsed) : parsed;
}
const from = (subnet: string, rangeStart: string, rangeEnd: string): Range =>
  range(subnet, { rangeStart, rangeEnd });

describe("case 26 and 35: defaults", () => {
  it.each([
    ["192.0.2.0/24", "192.0.2.1-192.0.2.254", "192.0.2.1"],
    ["192.0.2.0/25", "192.0.2.1-192.0.2.126", "192.0.2.1"],
    ["192.0.2.4/30", "192.0.2.5-192.0.2.6", "192.0.2.5"],
    ["0.0.0.0/0", "0.0.0.1-255.255.255.254", "0.0.0.1"],
    ["2001:db8:1::/64", "2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff", "2001:db8:1::1"],
    ["2001:db8:1::4/126", "2001:db8:1::5-2001:db8:1::7", "2001:db8:1::5"],
  ])("%s", (subnet, expected, gateway) => {
    const parsed = range(subnet);
    expect(formatRange(parsed)).toBe(expected);
    expect(parsed.gateway).toBe(gateway);
    expect(formatPrefix(parsed.subnet)).toBe(subnet);
  });
});

describe("case 25, 24 and 38: what is given is kept", () => {
  it.each<[RangeInput, string, string]>([
    [
      {
        subnet: "10.1.2.0/24",
        rangeStart: "10.1.2.9",
        rangeEnd: "10.1.2.20",
        gateway: "10.1.2.30",
      },
      "10.1.2.9-10.1.2.20",
      "10.1.2.30",
    ],
    [{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.0" }, "10.1.2.0-10.1.2.254", "10.1.2.1"],
    [
      { subnet: "10.1.2.0/24", rangeStart: "10.1.2.7", rangeEnd: "10.1.2.7" },
      "10.1.2.7-10.1.2.7",
      "10.1.2.1",
    ],
    [
      { subnet: "2001:db8::/64", rangeEnd: "2001:DB8:0::00ff", gateway: "fe80::1" },
      "2001:db8::1-2001:db8::ff",
      "fe80::1",
    ],
  ])("%j", (input, expected, gateway) => {
    const parsed = parseRange(input);
    expect(parsed).not.toBeTypeOf("string");
    expect(typeof parsed === "string" ? parsed : formatRange(parsed)).toBe(expected);
    expect(parsed).toMatchObject({ gateway });
  });

  it("leaves the broadcast address out of a range that names it as its end", () => {
    expect(formatRange(range("10.1.2.0/29", { rangeEnd: "10.1.2.7" }))).toBe("10.1.2.1-10.1.2.6");
    expect(formatRange(range("2001:db8::/125", { rangeEnd: "2001:db8::7" }))).toBe(
      "2001:db8::1-2001:db8::7",
    );
  });
});

describe("case 36 to 38: what is refused", () => {
  const hostBits = (length: number, network: string) =>
    `Network has host bits set. For a subnet mask of length ${length} the network address is ${network}`;
  it.each<[RangeInput, string]>([
    [{ subnet: "192.0.2.12/24" }, hostBits(24, "192.0.2.0")],
    [{ subnet: "2001:db8:1::1/64" }, hostBits(64, "2001:db8:1::")],
    [{ subnet: "2001:db8:0:1::/63" }, hostBits(63, "2001:db8::")],
    [{ subnet: "192.0.3.0/23" }, hostBits(23, "192.0.2.0")],
    [{ subnet: "192.0.2.0/31" }, "Network 192.0.2.0/31 too small to allocate from"],
    [{ subnet: "192.0.2.1/32" }, "Network 192.0.2.1/32 too small to allocate from"],
    [{ subnet: "2001:db8::/127" }, "Network 2001:db8::/127 too small to allocate from"],
    [{ subnet: "2001:db8::/128" }, "Network 2001:db8::/128 too small to allocate from"],
    [
      { subnet: "192.0.2.0/24", rangeStart: "192.0.3.0" },
      "RangeStart 192.0.3.0 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", rangeEnd: "192.0.4.0" },
      "RangeEnd 192.0.4.0 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", rangeEnd: "2001:db8::1" },
      "RangeEnd 2001:db8::1 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.50", rangeEnd: "192.0.2.40" },
      "RangeStart 192.0.2.50 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.255" },
      "RangeStart 192.0.2.255 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", gateway: "2001:db8::1" },
      "gateway 2001:db8::1 is not an IPv4 address like network 192.0.2.0/24",
    ],
    [{ subnet: "192.0.2.0/24", gateway: "gw" }, 'invalid gateway: "gw" is not an IP address'],
    [
      { subnet: "192.0.2.0/24", rangeStart: "192.0.2.01" },
      'invalid RangeStart: "192.0.2.01" is not an IP address',
    ],
    [{ subnet: "192.0.2.0" }, "invalid CIDR address: 192.0.2.0"],
    [{ subnet: "192.0.2.0/33" }, "invalid CIDR address: 192.0.2.0/33"],
    [
      { subnet: "192.0.2.0/24", exclude: ["192.0.3.1"] },
      "exclude 192.0.3.1 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", exclude: ["192.0.0.0/16"] },
      "exclude 192.0.0.0/16 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", exclude: ["2001:db8::1"] },
      "exclude 2001:db8::1 not in network 192.0.2.0/24",
    ],
    [
      { subnet: "192.0.2.0/24", exclude: ["192.0.2.5/30"] },
      "exclude 192.0.2.5/30 has host bits set: the block of this length is 192.0.2.4/30",
    ],
    [
      { subnet: "192.0.2.0/24", exclude: [""] },
      'invalid exclude: "" is neither an IP address nor a block in CIDR notation',
    ],
  ])("%j: %s", (input, message) => {
    const answer = parseRange(input);
    expect(typeof answer === "string" ? answer.slice(0, message.length) : answer).toBe(message);
  });
});

it("orders excluded blocks and drops those that lie within another", () => {
  const exclude = [
    "10.0.0.64/30",
    "10.0.0.9",
    "10.0.0.64",
    "10.0.0.8/29",
    "10.0.0.0/30",
    "10.0.0.9",
    "10.0.0.66/31",
  ];
  const parsed = range("10.0.0.0/24", { exclude });
  expect(parsed.exclude.map(formatPrefix)).toEqual(["10.0.0.0/30", "10.0.0.8/29", "10.0.0.64/30"]);
});

describe("case 39: contains", () => {
  it.each([
    [
      from("192.0.2.0/24", "192.0.2.40", "192.0.2.50"),
      ["192.0.2.40", "192.0.2.45", "192.0.2.50"],
      ["192.0.2.39", "192.0.2.51", "192.0.3.45", "2001:db8::c0:228"],
    ],
    [
      from("2001:db8:1::/64", "2001:db8:1::40", "2001:db8:1::50"),
      ["2001:db8:1::40", "2001:db8:1::4f", "2001:db8:1::50"],
      ["2001:db8:1::39", "2001:db8:1::51", "192.0.2.45"],
    ],
    [range("0.0.0.0/0"), ["0.0.0.1", "255.255.255.254"], ["0.0.0.0", "255.255.255.255", "::1"]],
  ])("%#", (one, inside, outside) => {
    expect(inside.filter((address) => !rangeContains(one, ip(address)))).toEqual([]);
    expect(outside.filter((address) => rangeContains(one, ip(address)))).toEqual([]);
  });
});

describe("case 40: overlap, either way round", () => {
  it.each([
    ["disjoint", range("10.0.0.0/24"), range("10.0.1.0/24"), false],
    ["of different families", range("0.0.0.0/8"), range("::/8"), false],
    ["identical", range("10.0.0.0/20"), range("10.0.0.0/20"), true],
    ["containing", range("10.0.0.0/20"), range("10.0.2.0/24"), true],
    [
      "one subnet split",
      from("10.0.0.0/24", "10.0.0.1", "10.0.0.127"),
      from("10.0.0.0/24", "10.0.0.128", "10.0.0.254"),
      false,
    ],
    [
      "one subnet, one address shared",
      from("10.0.0.0/24", "10.0.0.1", "10.0.0.127"),
      from("10.0.0.0/24", "10.0.0.127", "10.0.0.254"),
      true,
    ],
    ["IPv6 containing", range("2001:db8::/32"), range("2001:db8:1::/64"), true],
  ])("%s", (_name, one, other, expected) => {
    expect(rangesOverlap(one, other)).toBe(expected);
    expect(rangesOverlap(other, one)).toBe(expected);
  });
});

describe("sets", () => {
  const set: RangeSet = [
    from("192.168.0.0/24", "192.168.0.1", "192.168.0.254"),
    range("192.168.2.0/24"),
  ];

  it("case 41: finds the range of an address, or none", () => {
    expect(rangeFor(set, ip("192.168.2.99"))).toBe(set[1]);
    expect(rangeFor(set, ip("192.168.0.1"))).toBe(set[0]);
    expect(rangeFor(set, ip("192.168.99.99"))).toBeUndefined();
    expect(rangeFor(set, ip("2001:db8::1"))).toBeUndefined();
    expect(describeSet(set)).toBe("192.168.0.1-192.168.0.254,192.168.2.1-192.168.2.254");
  });

  it("describes at most 16 ranges one by one", () => {
    const many = Array.from({ length: 20 }, (_, third) => range(`10.0.${third}.0/30`));
    expect(describeSet(many).split(",")).toHaveLength(16);
    expect(describeSet(many)).toMatch(/,10\.0\.15\.1-10\.0\.15\.2 and 4 more$/);
  });

  it.each<[string, readonly Range[], string | undefined]>([
    [
      "case 32, 41: overlap within",
      [range("10.1.0.0/22"), range("10.1.2.0/24")],
      "subnets 10.1.0.1-10.1.3.254 and 10.1.2.1-10.1.2.254 overlap",
    ],
    [
      "case 33: mixed families",
      [range("10.1.0.0/24"), range("2001:db8::/64")],
      "mixed address families",
    ],
    ["no range at all", [], "empty range set"],
    [
      "good neighbours",
      [range("10.1.0.0/24"), range("10.0.0.0/24"), range("10.1.1.0/24")],
      undefined,
    ],
  ])("%s", (_name, ranges, message) => {
    expect(parseRangeSet(ranges)).toEqual(message ?? ranges);
  });

  it.each<[string, readonly RangeSet[], string | undefined]>([
    [
      "case 31: overlap between",
      [[range("10.1.0.0/22")], [range("10.1.2.0/24")]],
      "range set 0 overlaps with 1",
    ],
    [
      "case 41: across three sets",
      [
        [range("10.1.0.0/24")],
        [range("10.2.0.0/24"), range("10.4.0.0/24")],
        [range("10.3.0.0/24"), range("10.4.0.0/16")],
      ],
      "range set 1 overlaps with 2",
    ],
    ["two families", [[range("10.1.0.0/24")], [range("2001:db8::/64")]], undefined],
    ["none", [], undefined],
  ])("%s", (_name, sets, message) => {
    expect(checkRangeSets(sets)).toBe(message);
  });
});

it("reads its own output again", () => {
  const parsed = from("2001:db8::/64", "2001:db8::10", "2001:db8::ff00");
  const [start, end] = [parsed.first, parsed.last].map((value) => String(ipFromNumber(6, value)));
  expect(range("2001:db8::/64", { rangeStart: start ?? "", rangeEnd: end ?? "" })).toEqual(parsed);
});
