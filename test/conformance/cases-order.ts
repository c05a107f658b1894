// Cases 2A 12 to 24: the order in which addresses are given, and what is never given.

import { expect } from "vitest";
import type { Case, ConfParts, Driver } from "./subject.ts";

const setOf = (...subnets: string[]) => ({
  ipam: { ranges: [subnets.map((subnet) => ({ subnet }))] },
});
const requesting = (parts: ConfParts, ip: string) => ({ ...parts, args: { cni: { ips: [ip] } } });
const withoutLength = (addresses: readonly string[]): readonly string[] =>
  addresses.map((address) => address.split("/")[0] ?? "");

/** Makes `last` the address given last, and free. */
async function giveLast(driver: Driver, last: string, parts: ConfParts): Promise<void> {
  await driver.add("last", requesting(parts, last));
  await driver.del("last", parts);
}

async function drain(driver: Driver, parts: ConfParts, expected: readonly string[]): Promise<void> {
  const given: string[] = [];
  for (const index of expected.keys())
    given.push(...withoutLength(await driver.addresses(`drain${index}`, parts)));
  expect(given).toEqual(expected);
  expect((await driver.error("ADD", "one-more", parts)).msg).toContain(
    "no IP addresses available in range set",
  );
}

const hosts = (...last: number[]): string[] => last.map((octet) => `192.168.1.${octet}`);
const small = setOf("192.168.1.0/29");

interface Row {
  readonly subnets: readonly string[];
  readonly used?: readonly string[];
  readonly last?: string;
  /** Where `last` lies, if not in the subnets. */
  readonly lastSubnet?: string;
  readonly next: string;
}

/** Each row in a network of its own, which has its own cursor. */
async function nextOf(driver: Driver, rows: readonly Row[]): Promise<void> {
  const given: string[] = [];
  for (const [index, { subnets, used = [], last, lastSubnet }] of rows.entries()) {
    const parts = { name: `row${index}`, ...setOf(...subnets) };
    for (const ip of used) await driver.add(`used-${index}-${ip}`, requesting(parts, ip));
    if (last !== undefined)
      await giveLast(driver, last, {
        ...parts,
        ...(lastSubnet === undefined ? {} : setOf(lastSubnet)),
      });
    given.push(...withoutLength(await driver.addresses(`row${index}`, parts)));
  }
  expect(given).toEqual(rows.map(({ next }) => next));
}

/** Row n uses 10.n.0.0/29 and the like, so that no row meets another's addresses. */
const roundRobin: readonly Row[] = [
  { subnets: ["10.0.0.0/29"], next: "10.0.0.2" },
  { subnets: ["2001:db8:1::/64"], next: "2001:db8:1::2" },
  { subnets: ["10.2.0.0/30"], next: "10.2.0.2" },
  { subnets: ["10.3.0.0/29"], used: ["10.3.0.2"], next: "10.3.0.3" },
  { subnets: ["10.4.0.0/29"], last: "10.4.0.5", next: "10.4.0.6" },
  { subnets: ["10.5.0.0/29"], used: ["10.5.0.4", "10.5.0.5"], last: "10.5.0.3", next: "10.5.0.6" },
  { subnets: ["10.6.0.0/29"], used: ["10.6.0.6"], last: "10.6.0.5", next: "10.6.0.2" },
  {
    subnets: ["10.7.0.0/29"],
    used: ["10.7.0.2"],
    last: "10.7.1.5",
    lastSubnet: "10.7.1.0/24",
    next: "10.7.0.3",
  },
  {
    subnets: ["10.8.0.0/29"],
    used: ["10.8.0.2", "10.8.0.4", "10.8.0.5", "10.8.0.6"],
    last: "10.8.0.3",
    next: "10.8.0.3",
  },
];
const manyRanges: readonly Row[] = [
  { subnets: ["10.20.0.0/30", "10.20.1.0/30"], next: "10.20.0.2" },
  { subnets: ["10.21.0.0/30", "10.21.1.0/30"], last: "10.21.0.2", next: "10.21.1.2" },
  {
    subnets: ["10.22.0.0/30", "10.22.1.0/30", "10.22.2.0/30"],
    last: "10.22.2.2",
    next: "10.22.0.2",
  },
];

async function exhausted(driver: Driver): Promise<void> {
  const pools: readonly (readonly [readonly string[], number])[] = [
    [["10.1.0.0/30"], 1],
    [["10.2.0.0/29"], 5],
    [["10.3.0.0/30", "10.3.1.0/30"], 2],
  ];
  for (const [subnets, size] of pools) {
    const parts = setOf(...subnets);
    for (let index = 0; index < size; index++)
      await driver.add(`${subnets.length}-${size}-${index}`, parts);
    expect((await driver.error("ADD", "one-more", parts)).msg).toContain(
      "no IP addresses available in range set",
    );
  }
}

async function outOfRange(driver: Driver): Promise<void> {
  const limited = (part: object) => ({
    ipam: { ranges: [[{ subnet: "192.168.1.0/28", ...part }]] },
  });
  await driver.error(
    "ADD",
    "late",
    requesting(limited({ rangeEnd: "192.168.1.5" }), "192.168.1.6"),
  );
  await driver.error(
    "ADD",
    "early",
    requesting(limited({ rangeStart: "192.168.1.4" }), "192.168.1.3"),
  );
  const gateway = await driver.error("ADD", "gateway", requesting(limited({}), "192.168.1.1"));
  expect(gateway.msg).toContain("requested ip 192.168.1.1 is subnet's gateway");
}

const outside = (id: string, title: string, run: (driver: Driver) => Promise<void>): Case => ({
  id: `2A ${id}`,
  title,
  driven: "outside",
  why: "the addresses given, one ADD after the other, show it",
  run,
});

export const orderCases: readonly Case[] = [
  outside("12", "a fresh /29 from its second address to its last", (driver) =>
    drain(driver, small, hosts(2, 3, 4, 5, 6)),
  ),
  outside("13", "begins anew behind the range's end", async (driver) => {
    await giveLast(driver, "192.168.1.6", small);
    await drain(driver, small, hosts(2, 3, 4, 5, 6));
  }),
  outside("14", "begins behind the last address and tries that one last", async (driver) => {
    await giveLast(driver, "192.168.1.3", small);
    await drain(driver, small, hosts(4, 5, 6, 2, 3));
  }),
  outside("15", "round robin", (driver) => nextOf(driver, roundRobin)),
  outside("16", "round robin over several ranges", (driver) => nextOf(driver, manyRanges)),
  outside("17", "the broadcast address is never given", async (driver) => {
    const given: string[] = [];
    for (let index = 0; index < 5; index++)
      given.push(...(await driver.addresses(`pod${index}`, small)));
    expect(given).toEqual(hosts(2, 3, 4, 5, 6).map((ip) => `${ip}/29`));
    await driver.error("ADD", "pod5", small);
  }),
  outside("18", "no immediate reuse", async (driver) => {
    expect(await driver.addresses("pod", small)).toEqual(["192.168.1.2/29"]);
    await driver.del("pod", small);
    expect(await driver.addresses("pod", small)).toEqual(["192.168.1.3/29"]);
  }),
  outside("19", "a requested address is given", async (driver) => {
    expect(await driver.addresses("pod", requesting(small, "192.168.1.5"))).toEqual([
      "192.168.1.5/29",
    ]);
  }),
  outside("20", "a requested address that is in use", async (driver) => {
    await driver.add("pod", requesting(small, "192.168.1.5"));
    const { msg } = await driver.error("ADD", "other", requesting(small, "192.168.1.5"));
    expect(msg).toContain(
      "requested IP address 192.168.1.5 is not available in range set 192.168.1.1-192.168.1.6",
    );
  }),
  outside("21", "a requested address outside of the range, or the gateway", outOfRange),
  outside("22", "exhausted", exhausted),
  outside("23", "from the end of one range to the next", async (driver) => {
    const two = setOf("192.168.1.0/29", "192.168.2.0/29");
    await giveLast(driver, "192.168.1.6", two);
    expect(await driver.addresses("pod", two)).toEqual(["192.168.2.2/29"]);
  }),
  outside(
    "24",
    "from the first address of the first range, even .0 when the conf says so",
    async (driver) => {
      const parts = {
        ipam: {
          ranges: [
            [{ subnet: "192.168.1.0/29", rangeStart: "192.168.1.0" }, { subnet: "192.168.2.0/29" }],
          ],
        },
      };
      expect(await driver.addresses("pod", parts)).toEqual(["192.168.1.0/29"]);
    },
  ),
];
