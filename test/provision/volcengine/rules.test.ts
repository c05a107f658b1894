// What is decided without any cloud: layout, slots, names, rules of security groups; as tables and as properties.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { prefixSize } from "#core/prefix.ts";
import { authorizeCommand, ingressOf } from "#provision/volcengine/ingress.ts";
import { MAX_ADDRESSES, MAX_INTERFACES, layoutOf } from "#provision/volcengine/layout.ts";
import { interfaceName, slotOf, subnetName } from "#provision/volcengine/names.ts";
import { placementOf } from "#provision/volcengine/ownership.ts";
import type { SeenInterface } from "#provision/volcengine/seen.ts";
import { block } from "./node.ts";

const room = (change: Partial<Parameters<typeof layoutOf>[0]> = {}) => ({
  poolSize: 140,
  subnet: block("172.20.100.0/24"),
  instanceType: "ecs.ebm",
  limits: { interfaces: 8, addresses: 21 },
  others: 1,
  ...change,
});

describe("layout", () => {
  it.each([
    ["the default", {}, [20, 20, 20, 20, 20, 20, 20], false],
    ["a pool that does not fill its last interface", { poolSize: 45 }, [20, 20, 5], false],
    [
      "limits above ours",
      { limits: { interfaces: 30, addresses: 50 } },
      [20, 20, 20, 20, 20, 20, 20],
      false,
    ],
    ["a type with few interfaces", { limits: { interfaces: 3, addresses: 21 } }, [20, 20], true],
    [
      "a type with few addresses",
      { limits: { interfaces: 8, addresses: 3 } },
      [2, 2, 2, 2, 2, 2, 2],
      true,
    ],
    ["interfaces of others", { others: 6 }, [20, 20], true],
    ["a small subnet", { subnet: block("172.20.100.0/27") }, [20, 7], true],
    ["more than 140", { poolSize: 253 }, [20, 20, 20, 20, 20, 20, 20], true],
  ])("%s", (_, change, counts, less) => {
    const layout = layoutOf(room(change));
    expect(layout.counts).toEqual(counts);
    expect(layout.less !== undefined).toBe(less);
  });
  it.each([
    ["no secondary addresses", { limits: { interfaces: 8, addresses: 1 } }],
    ["no free interface", { others: 8 }],
  ])("%s is refused", (_, change) => {
    expect(() => layoutOf(room(change))).toThrow(expect.objectContaining({ code: "cloud-limit" }));
  });
  it("never goes above any limit", () => {
    const number = (from: number, to: number) => fc.integer({ min: from, max: to });
    fc.assert(
      fc.property(
        number(1, 300),
        number(1, 12),
        number(1, 60),
        number(1, 12),
        number(20, 29),
        (poolSize, interfaces, addresses, others, length) => {
          const subnet = block(`172.20.0.0/${length}`);
          const wanted = room({ poolSize, limits: { interfaces, addresses }, others, subnet });
          fc.pre(addresses > 1 && interfaces > others);
          const { counts, total } = layoutOf(wanted);
          expect(counts.length).toBeLessThanOrEqual(Math.min(MAX_INTERFACES, interfaces - others));
          expect(Math.max(...counts)).toBeLessThanOrEqual(Math.min(MAX_ADDRESSES, addresses - 1));
          expect(Math.min(...counts)).toBeGreaterThan(0);
          expect(total + counts.length + 3).toBeLessThanOrEqual(Number(prefixSize(subnet)));
          expect(total).toBeLessThanOrEqual(poolSize);
        },
      ),
    );
  });
});

describe("names", () => {
  it.each([
    ["node-1", 3, "cocoon-node-1-3"],
    ["node_1.example.org", 7, "cocoon-node_1.example.org-7"],
  ])("of %s, slot %i", (node, slot, name) => {
    expect(interfaceName(node, slot)).toBe(name);
    expect(slotOf(name, node)).toBe(slot);
  });
  it("are valid, apart from each other, and read back, whatever the node is called", () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 300 }),
        fc.string({ minLength: 1 }),
        fc.integer({ min: 1, max: 99 }),
        (node, other, slot) => {
          const name = interfaceName(node, slot);
          expect(name).toMatch(/^[A-Za-z][A-Za-z0-9._-]{0,127}$/);
          expect(slotOf(name, node)).toBe(slot);
          if (node !== other) expect(subnetName(node)).not.toBe(subnetName(other));
        },
      ),
    );
  });
  it.each(["cocoon-node-1-0", "cocoon-node-1-", "cocoon-node-12-3", "eni-1", ""])(
    "%j is not one of node-1's",
    (name) => {
      expect(slotOf(name, "node-1")).toBeUndefined();
    },
  );
});

const eni = (id: string, name: string, instance: string): SeenInterface => ({
  id,
  name,
  type: "secondary",
  status: instance === "" ? "Available" : "InUse",
  mac: "",
  instance,
  subnetID: "subnet-1",
  ips: [],
  groups: [],
  serviceManaged: false,
  created: 0,
  tags: new Map(),
});

describe("slots", () => {
  it("go to what is attached before what is detached, by name, then by what is free", () => {
    const placed = placementOf(
      [
        eni("eni-a", "cocoon-node-1-1", ""),
        eni("eni-b", "cocoon-node-1-1", "i-1"),
        eni("eni-c", "made-by-hand", "i-1"),
        eni("eni-d", "cocoon-node-1-9", "i-1"),
        eni("eni-e", "cocoon-node-1-3", ""),
      ],
      "node-1",
      "i-1",
      3,
    );
    expect([...placed.slots].map(([slot, { id }]) => `${slot} ${id}`)).toEqual([
      "1 eni-b",
      "3 eni-e",
      "2 eni-c",
    ]);
    expect(placed.surplus.map(({ id }) => id)).toEqual(["eni-a"]);
    expect(placed.extra.map(({ id }) => id)).toEqual(["eni-d"]);
  });
  it("hold, with surplus and extra, every interface exactly once", () => {
    const one = fc.record({ slot: fc.integer({ min: 1, max: 9 }), attached: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(one, { maxLength: 14 }),
        fc.integer({ min: 1, max: 7 }),
        (wanted, count) => {
          const all = wanted.map(({ slot, attached }, index) =>
            eni(`eni-${index}`, `cocoon-n-${slot}`, attached ? "i-1" : ""),
          );
          const { slots, surplus, extra } = placementOf(all, "n", "i-1", count);
          const placed = [...slots.values(), ...surplus, ...extra].map(({ id }) => id);
          expect(placed.toSorted()).toEqual(all.map(({ id }) => id).toSorted());
          expect([...slots.keys()].every((slot) => slot >= 1 && slot <= count)).toBe(true);
          expect(surplus.every(({ instance }) => instance === "")).toBe(true);
        },
      ),
    );
  });
});

describe("ingress", () => {
  const rule = (change: object) => ({
    Direction: "ingress",
    Protocol: "all",
    PortStart: -1,
    PortEnd: -1,
    CidrIp: "172.20.0.0/16",
    Policy: "accept",
    Priority: 1,
    ...change,
  });
  it.each([
    ["no rule", [], "closed"],
    ["the VPC", [rule({})], "open"],
    ["more than the VPC", [rule({ CidrIp: "0.0.0.0/0" })], "open"],
    ["a part of the VPC", [rule({ CidrIp: "172.20.0.0/20" })], "closed"],
    ["one protocol", [rule({ Protocol: "tcp", PortStart: 1, PortEnd: 65_535 })], "closed"],
    ["members of a group only", [rule({ CidrIp: "" })], "closed"],
    [
      "a drop that comes first",
      [rule({ Priority: 5 }), rule({ Policy: "drop", CidrIp: "172.20.7.0/24" })],
      "dropped",
    ],
    ["a drop of the same rank", [rule({}), rule({ Policy: "drop" })], "dropped"],
    ["a drop that comes later", [rule({}), rule({ Policy: "drop", Priority: 9 })], "open"],
    [
      "a drop of something else",
      [rule({}), rule({ Policy: "drop", CidrIp: "10.0.0.0/8" })],
      "open",
    ],
  ])("%s: %s", (_, rules, kind) => {
    expect(ingressOf({ id: "sg-1", rules }, block("172.20.0.0/16")).kind).toBe(kind);
  });
  it("the command can be pasted", () => {
    expect(authorizeCommand("sg-1", block("172.20.0.0/16"))).toBe(
      "ve vpc AuthorizeSecurityGroupIngress --SecurityGroupId sg-1 --Protocol all --PortStart -1 --PortEnd -1 --CidrIp 172.20.0.0/16",
    );
  });
});
