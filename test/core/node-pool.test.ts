// The node's own pool: which addresses of its subnet, or of the cloud's list, may be given away.

import { describe, expect, it } from "vitest";
import { ip, ipFamily } from "#core/address.ts";
import { isAllocatable, nodePool, poolSize } from "#core/pool.ts";
import { type Prefix, parsePrefix } from "#core/prefix.ts";
import { type Range, formatRange } from "#core/range.ts";

const prefix = (text: string): Prefix => parsePrefix(text) ?? expect.fail(`not a prefix: ${text}`);
const hosts = (network: string, ...last: number[]): string[] =>
  last.map((one) => `${network}.${one}`);

describe("the node's pool", () => {
  const shown = (ranges: readonly Range[] | undefined) => ranges?.map(formatRange);
  it.each<[string, string, string, number | undefined, string[] | undefined, string[], bigint]>([
    [
      "the whole subnet",
      "10.0.0.0/24",
      "10.0.0.1",
      undefined,
      undefined,
      ["10.0.0.1-10.0.0.254"],
      253n,
    ],
    [
      "its first addresses",
      "10.0.0.0/24",
      "10.0.0.1",
      140,
      undefined,
      ["10.0.0.1-10.0.0.141"],
      140n,
    ],
    [
      "gateway behind them",
      "10.0.0.0/24",
      "10.0.0.254",
      10,
      undefined,
      ["10.0.0.1-10.0.0.10"],
      10n,
    ],
    [
      "gateway right behind them",
      "10.0.0.0/24",
      "10.0.0.11",
      10,
      undefined,
      ["10.0.0.1-10.0.0.10"],
      10n,
    ],
    ["gateway elsewhere", "10.0.0.0/24", "10.9.0.1", 10, undefined, ["10.0.0.1-10.0.0.10"], 10n],
    ["more than there are", "10.0.0.0/29", "10.0.0.1", 140, undefined, ["10.0.0.1-10.0.0.6"], 5n],
    ["none", "10.0.0.0/29", "10.0.0.1", 0, undefined, [], 0n],
    ["/31 (RFC 3021)", "10.0.0.0/31", "10.0.0.0", undefined, undefined, ["10.0.0.0-10.0.0.1"], 1n],
    ["/32", "10.0.0.7/32", "10.0.0.1", undefined, undefined, ["10.0.0.7-10.0.0.7"], 1n],
    ["IPv6 /64", "2001:db8::/64", "2001:db8::1", 3, undefined, ["2001:db8::1-2001:db8::4"], 3n],
    [
      "IPv6 /127 (RFC 6164)",
      "2001:db8::/127",
      "2001:db8::",
      undefined,
      undefined,
      ["2001:db8::-2001:db8::1"],
      1n,
    ],
    [
      "scattered addresses",
      "10.0.0.0/24",
      "10.0.0.1",
      undefined,
      hosts("10.0.0", 9, 4, 255, 3, 200, 5, 0, 1, 2, 4),
      ["10.0.0.2-10.0.0.5", "10.0.0.9-10.0.0.9", "10.0.0.200-10.0.0.200"],
      6n,
    ],
    [
      "runs end at the gateway",
      "10.0.0.0/24",
      "10.0.0.4",
      undefined,
      hosts("10.0.0", 2, 3, 4, 5, 6),
      ["10.0.0.2-10.0.0.3", "10.0.0.5-10.0.0.6"],
      4n,
    ],
    ["no addresses", "10.0.0.0/24", "10.0.0.1", undefined, [], [], 0n],
  ])("%s", (_name, subnet, gateway, size, ips, expected, count) => {
    const pool = nodePool({
      subnet: prefix(subnet),
      gateway: ip(gateway),
      ...(size === undefined ? {} : { size }),
      ...(ips === undefined ? {} : { ips: ips.map(ip) }),
    });
    expect(pool).toMatchObject({ name: "node", routed: true });
    expect(shown(pool.sets[0])).toEqual(expected);
    expect(pool.sets).toHaveLength(1);
    expect(poolSize(pool.sets[0] ?? [])).toBe(count);
    expect(isAllocatable(pool.sets[0] ?? [], ip(gateway))).toBeUndefined();
    for (const range of pool.sets[0] ?? [])
      expect(range).toMatchObject({ gateway, family: ipFamily(ip(gateway)) });
  });

  it("counts a /64 exactly", () => {
    const pool = nodePool({ subnet: prefix("2001:db8::/64"), gateway: ip("2001:db8::1") });
    expect(poolSize(pool.sets[0] ?? [])).toBe(2n ** 64n - 2n);
  });

  it.each(["10.0.1.5", "2001:db8::1"])("refuses %s outside the subnet", (outside) => {
    const options = {
      subnet: prefix("10.0.0.0/24"),
      gateway: ip("10.0.0.1"),
      ips: [ip("10.0.0.5"), ip(outside)],
    };
    expect(() => nodePool(options)).toThrow(
      `pool address ${outside} is not in the node's subnet 10.0.0.0/24`,
    );
  });
});
