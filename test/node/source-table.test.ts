// The table of guests' sources: its text, which ports it is about, and what of a listing counts as a difference.

import { expect, test } from "vitest";
import { type Mac, ip, parseMac } from "#core/address.ts";
import type { NodeLink } from "#broker/node/ports.ts";
import {
  boundIn,
  bridgePorts,
  sourceTablePrint,
  sourceTableText,
} from "#broker/node/source-table.ts";

const mac = parseMac("02:00:00:00:00:05") as Mac;
const other = parseMac("02:00:00:00:00:06") as Mac;

test("names a guest by port, MAC and address, a waiting one without its port", () => {
  const text = sourceTableText({
    taps: [7, 8],
    elsewhere: [3],
    bound: [{ port: 7, mac, ips: [ip("10.9.0.5"), ip("10.9.0.6")] }],
    waiting: [{ mac: other, ip: ip("10.9.0.7") }],
  });
  const elements = [...text.matchAll(/set (\w+) .*elements = \{ (.*) \}; \}/g)];
  expect(Object.fromEntries(elements.map(([, name, words]) => [name, words]))).toEqual({
    elsewhere: "3",
    taps: "7, 8",
    ports: "7",
    taken: mac,
    macs: `7 . ${mac}`,
    addresses: `7 . ${mac} . 10.9.0.5, 7 . ${mac} . 10.9.0.6`,
    waiting: `${other} . 10.9.0.7`,
  });
  // Replaced in one transaction: what stands goes only together with what comes.
  expect(text.startsWith("table bridge cocoon-net\ndelete table bridge cocoon-net\n")).toBe(true);
});

test("a set of nothing has no elements", () => {
  const text = sourceTableText({ taps: [], elsewhere: [], bound: [], waiting: [] });
  expect(text).not.toContain("elements");
});

const link = (index: number, kind: string, master?: number): NodeLink => ({
  index,
  name: `link${index}`,
  kind,
  up: true,
  mtu: 1500,
  alias: "",
  isolated: false,
  addresses: [],
  ...(master === undefined ? {} : { master }),
});

test("is about our bridge's taps, and leaves other bridges' ports alone", () => {
  const links = [
    link(1, "bridge"),
    link(2, "bridge"),
    link(9, "tun", 1),
    link(4, "veth", 1),
    link(5, "tun", 2),
    link(6, "veth", 2),
    link(7, "tun"),
    link(8, "bond"),
    link(10, "", 8),
  ];
  expect(bridgePorts(links, "link1")).toEqual({ taps: [9], elsewhere: [5, 6] });
  expect(bridgePorts(links, "none")).toEqual({ taps: [], elsewhere: [4, 5, 6, 9] });
});

const listing = (parts: { handle: number; packets: number; elements: unknown[]; rule: string }) =>
  JSON.stringify({
    nftables: [
      { metainfo: { version: "1.0.6" } },
      { table: { family: "bridge", name: "cocoon-net", handle: parts.handle } },
      { set: { name: "macs", handle: parts.handle + 1, elem: parts.elements } },
      {
        rule: {
          chain: "guest",
          handle: parts.handle + 2,
          expr: [{ counter: { packets: parts.packets, bytes: 60 } }, { [parts.rule]: null }],
        },
      },
    ],
  });
const elements = [{ concat: ["tap0", mac] }, { concat: ["9", other] }];
const plain = { handle: 1, packets: 0, elements, rule: "drop" };

test("handles, counts and order are no difference; elements and rules are", () => {
  const print = sourceTablePrint(listing(plain));
  expect(sourceTablePrint(listing({ ...plain, handle: 40, packets: 9 }))).toBe(print);
  expect(sourceTablePrint(listing({ ...plain, elements: elements.toReversed() }))).toBe(print);
  expect(sourceTablePrint(listing({ ...plain, elements: elements.slice(1) }))).not.toBe(print);
  expect(sourceTablePrint(listing({ ...plain, rule: "accept" }))).not.toBe(print);
});

test("tells which guest was behind which port", () => {
  expect(boundIn(listing(plain))).toEqual([
    { port: "tap0", mac },
    { port: "9", mac: other },
  ]);
  expect(boundIn('{"nftables": []}')).toEqual([]);
});
