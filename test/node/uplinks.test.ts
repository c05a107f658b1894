// Source rules of secondary NICs as data: what is wanted, and in which order it comes about.

import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Ip, type Mac, ip, ipFromNumber, ipToNumber, parseMac } from "#core/address.ts";
import { type Prefix, formatPrefix, parsePrefix, prefixLast } from "#core/prefix.ts";
import {
  type ObservedUplinks,
  type Uplink,
  type UplinkChange,
  coverOf,
  describeUplinkChange,
  desiredUplinks,
  diffUplinks,
  uplinkRemovals,
} from "#broker/node/uplinks.ts";

const prefix = (text: string): Prefix => {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
};
const mac = (text: string): Mac => {
  const parsed = parseMac(text);
  if (parsed === undefined) throw new Error(`not a MAC: ${text}`);
  return parsed;
};

const network = {
  bridge: "cni0",
  subnet: prefix("172.20.100.0/24"),
  vpcCidrs: [prefix("172.20.0.0/16")],
};
const uplink: Uplink = {
  slot: 2,
  link: 7,
  name: "eth2",
  addresses: [ip("172.20.100.4"), ip("172.20.100.5"), ip("172.20.100.9")],
  gatewayMac: mac("ee:ff:ff:ff:ff:ff"),
};
const nothing: ObservedUplinks = { rules: [], routes: [], nextHops: [], agentRoutes: [] };
const diff = (uplinks: readonly Uplink[], observed: ObservedUplinks) =>
  diffUplinks(desiredUplinks(network, uplinks), observed, network.subnet);
const words = (changes: readonly UplinkChange[]) => changes.map(describeUplinkChange);

describe("from nothing", () => {
  test("Volcengine 9: answers leave by the NIC of their address: next hop, table, rules, and no packet finds half a table", () => {
    expect(words(diff([uplink], nothing))).toEqual([
      "set-next-hop ee:ff:ff:ff:ff:ff link 7",
      "add-route throw 172.20.100.0/24 table 52002 link 0",
      "add-route via 172.20.0.0/16 table 52002 link 7",
      "add-rule from 172.20.100.4/31 iif cni0 lookup 52002",
      "add-rule from 172.20.100.9/32 iif cni0 lookup 52002",
    ]);
  });

  test("a gateway that has not answered is left to the VPC's own ARP", () => {
    expect(words(diff([{ ...uplink, gatewayMac: undefined }], nothing))).toContain(
      "add-route link 172.20.0.0/16 table 52002 link 7",
    );
  });

  test("without a secondary NIC there is nothing to do", () => {
    expect(diff([], nothing)).toEqual([]);
  });
});

describe("from something", () => {
  const standing = { ...desiredUplinks(network, [uplink]), agentRoutes: [] };

  test("what stands is left alone", () => {
    expect(diff([uplink], standing)).toEqual([]);
  });

  test("what is gone comes back, and only that", () => {
    expect(words(diff([uplink], { ...standing, rules: standing.rules.slice(1) }))).toEqual([
      "add-rule from 172.20.100.4/31 iif cni0 lookup 52002",
    ]);
  });

  test("a gateway that answers at last replaces its route in place", () => {
    const before = {
      ...desiredUplinks(network, [{ ...uplink, gatewayMac: undefined }]),
      agentRoutes: [],
    };
    expect(words(diff([uplink], before))).toEqual([
      "set-next-hop ee:ff:ff:ff:ff:ff link 7",
      "add-route via 172.20.0.0/16 table 52002 link 7",
    ]);
  });

  test("a NIC that went takes its rules first, then its table", () => {
    expect(words(diff([], standing))).toEqual([
      "delete-rule from 172.20.100.4/31 iif cni0 lookup 52002",
      "delete-rule from 172.20.100.9/32 iif cni0 lookup 52002",
      "delete-route throw 172.20.100.0/24 table 52002 link 0",
      "delete-route via 172.20.0.0/16 table 52002 link 7",
      "delete-next-hop ee:ff:ff:ff:ff:ff link 7",
    ]);
  });

  test("teardown takes everything of ours and leaves a guest agent's routes", () => {
    const agentRoutes = [{ destination: network.subnet, link: 2 }];
    const removals = uplinkRemovals({ ...standing, agentRoutes }, network.subnet);
    expect(removals.map(({ change }) => change)).toEqual([
      "delete-rule",
      "delete-rule",
      "delete-route",
      "delete-route",
      "delete-next-hop",
    ]);
  });
});

test("a guest agent's local route goes when it lies in our subnet, and no other", () => {
  const agentRoutes = ["172.20.100.0/24", "172.20.100.128/25", "172.20.0.0/16", "10.0.0.5/32"].map(
    (text) => ({ destination: prefix(text), link: 2 }),
  );
  expect(words(diff([], { ...nothing, agentRoutes }))).toEqual([
    "delete-agent-route local 172.20.100.0/24 link 2",
    "delete-agent-route local 172.20.100.128/25 link 2",
  ]);
});

test("a cover holds exactly the addresses, in as few blocks as there can be", () => {
  const addresses = fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { maxLength: 40 });
  fc.assert(
    fc.property(addresses, (offsets) => {
      const base = ipToNumber(ip("172.20.100.0"));
      const ips: readonly Ip[] = offsets.map((offset) => ipFromNumber(4, base + BigInt(offset)));
      const cover = coverOf(ips);
      const held = cover.flatMap((block) => {
        const found: bigint[] = [];
        for (let value = block.base; value <= prefixLast(block); value++) found.push(value - base);
        return found.map(Number);
      });
      expect(held).toEqual(offsets.toSorted((one, other) => one - other));
      expect(cover).toHaveLength(fewest(new Set(offsets), 0, 64));
      expect(new Set(cover.map(formatPrefix)).size).toBe(cover.length);
    }),
  );
});

/** The same by halving: an aligned range is one block when it is full, else its halves' blocks. */
function fewest(taken: ReadonlySet<number>, from: number, size: number): number {
  const inside = [...taken].filter((value) => value >= from && value < from + size).length;
  if (inside === 0) return 0;
  if (inside === size) return 1;
  return fewest(taken, from, size / 2) + fewest(taken, from + size / 2, size / 2);
}
