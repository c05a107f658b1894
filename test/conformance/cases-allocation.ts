// Cases 2A 1 to 11: what host-local's own suite asks of ADD and DEL, for every spec version.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { addressesOf } from "./driver.ts";
import type { Case, Driver } from "./subject.ts";

const oneSet = { ipam: { ranges: [[{ subnet: "10.1.2.0/24" }]] } };
const twoSets = { ipam: { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/24" }]] } };
const requesting = (parts: object, ...ips: string[]) => ({ ...parts, args: { cni: { ips } } });
const isOld = ({ version }: Driver): boolean => version === "0.1.0" || version === "0.2.0";

const dualStackRanges = [
  [{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }],
  [{ subnet: "2001:db8:1::/64" }],
];
const routes = [
  { dst: "0.0.0.0/0" },
  { dst: "::/0" },
  { dst: "192.168.0.0/16", gw: "1.1.1.1" },
  { dst: "2001:db8:2::/64", gw: "2001:db8:3::1" },
];

async function dualStack(driver: Driver): Promise<void> {
  const resolvConf = join(driver.folder, "resolv.conf");
  await writeFile(resolvConf, "nameserver 192.0.2.3\n");
  const parts = { ipam: { ranges: dualStackRanges, routes, resolvConf } };
  const output = await driver.add("dummy", parts);
  expect(addressesOf(output)).toMatchObject([
    { address: "10.1.2.2/24", gateway: "10.1.2.1" },
    { address: "2001:db8:1::2/64", gateway: "2001:db8:1::1" },
  ]);
  for (const { dst, gw } of routes) {
    expect(output.stdout).toContain(`"${dst}"`);
    if (gw !== undefined) expect(output.stdout).toContain(`"${gw}"`);
  }
  expect(JSON.parse(output.stdout)).toMatchObject({
    cniVersion: driver.version,
    dns: { nameservers: ["192.0.2.3"] },
  });
  expect(output.stdout.includes('"version":')).toBe(
    ["0.3.0", "0.3.1", "0.4.0"].includes(driver.version),
  );
  expect(await driver.addresses("dummy2", parts)).toEqual(["10.1.2.3/24", "2001:db8:1::3/64"]);
  await driver.del("dummy", parts);
  expect(await driver.isFree("10.1.2.2", parts)).toBe(true);
  expect(await driver.isFree("2001:db8:1::2", parts)).toBe(true);
  expect(await driver.isFree("10.1.2.3", parts)).toBe(false);
}

async function twoNetworks(driver: Driver): Promise<void> {
  const first = { name: "mynet0", ipam: { ranges: [[{ subnet: "10.1.2.0/24" }]] } };
  const second = { name: "mynet1", ipam: { ranges: [[{ subnet: "10.2.2.0/24" }]] } };
  const eth1 = { CNI_IFNAME: "eth1" };
  expect(await driver.addresses("dummy", first)).toEqual(["10.1.2.2/24"]);
  expect(await driver.addresses("dummy", second, eth1)).toEqual(["10.2.2.2/24"]);
  await driver.del("dummy", first);
  expect(await driver.isFree("10.1.2.2", first)).toBe(true);
  expect(await driver.isFree("10.2.2.2", second)).toBe(false);
  await driver.del("dummy", second, eth1);
  expect(await driver.isFree("10.2.2.2", second)).toBe(true);
}

async function repeatedAdd(driver: Driver): Promise<void> {
  expect(await driver.addresses("dummy", oneSet)).toEqual(["10.1.2.2/24"]);
  expect((await driver.error("ADD", "dummy", oneSet)).msg).toContain(
    "duplicate allocation is not allowed",
  );
  expect(await driver.addresses("dummy1", oneSet)).toEqual(["10.1.2.3/24"]);
  await driver.error("ADD", "dummy", oneSet);
  await driver.del("dummy", oneSet);
  expect(await driver.isFree("10.1.2.2", oneSet)).toBe(true);
  await driver.del("dummy1", oneSet);
  expect(await driver.isFree("10.1.2.3", oneSet)).toBe(true);
}

async function twoRequested(driver: Driver): Promise<void> {
  const parts = requesting(twoSets, "10.1.2.88", "10.1.3.77");
  if (isOld(driver)) {
    const { msg } = await driver.error("ADD", "dummy", parts);
    expect(msg).toBe(
      `CNI version ${driver.version} does not support more than 1 address per family`,
    );
  } else {
    expect(await driver.addresses("dummy", parts)).toEqual(["10.1.2.88/24", "10.1.3.77/24"]);
  }
}

async function requestedInSecondRange(driver: Driver): Promise<void> {
  const ranges = [
    [{ subnet: "172.16.1.0/24" }, { subnet: "10.1.2.0/24" }],
    [{ subnet: "2001:db8:1::/64" }],
  ];
  const parts = requesting({ ipam: { ranges } }, "10.1.2.88", "2001:db8:1::999");
  expect(await driver.addresses("dummy", parts)).toEqual(["10.1.2.88/24", "2001:db8:1::999/64"]);
}

async function tooManyRequested(driver: Driver): Promise<void> {
  const { msg } = await driver.error("ADD", "dummy", requesting(oneSet, "10.1.2.88", "10.1.2.77"));
  expect(msg).toMatch(/^failed to allocate all requested IPs: 10\.1\.2\.(88|77)$/);
  expect(await driver.isFree("10.1.2.88", oneSet)).toBe(true);
  expect(await driver.isFree("10.1.2.77", oneSet)).toBe(true);
}

/** The ID is trimmed where it is stored and where it is released. */
async function trimmedId(driver: Driver): Promise<void> {
  const padded = { CNI_CONTAINERID: "   dummy\n " };
  expect(await driver.addresses("dummy", oneSet, padded)).toEqual(["10.1.2.2/24"]);
  expect(await driver.isFree("10.1.2.2", oneSet)).toBe(false);
  await driver.del("dummy", oneSet, padded);
  expect(await driver.isFree("10.1.2.2", oneSet)).toBe(true);
}

const outside = (id: string, title: string, run: (driver: Driver) => Promise<void>): Case => ({
  id: `2A ${id}`,
  title,
  driven: "outside",
  why: "results and later calls show it",
  eachVersion: true,
  run,
});

export const allocationCases: readonly Case[] = [
  outside("1", "ADD and DEL with two range sets, routes and resolvConf", dualStack),
  outside("2", "one container in two networks", twoNetworks),
  outside("3", "ADD of the same container again is an error", repeatedAdd),
  {
    id: "2A 4",
    title: "DEL of a record without interface name",
    driven: "no",
    why: "the record is a file of host-local's past; our ledger has never had one",
  },
  outside("5", "DEL of an unknown container succeeds", (driver) => driver.del("unknown", oneSet)),
  outside("6", "white space around the container ID", trimmedId),
  outside("7", "the first ADD of a subnet prints nothing beside its result", async (driver) => {
    expect((await driver.add("dummy", oneSet)).stderr).toBe("");
  }),
  outside("8", "one requested address", async (driver) => {
    expect(await driver.addresses("dummy", requesting(oneSet, "10.1.2.88"))).toEqual([
      "10.1.2.88/24",
    ]);
  }),
  outside("9", "one requested address in each of two sets", twoRequested),
  outside("10", "a requested address of a set's second range", requestedInSecondRange),
  outside("11", "two requested addresses of one set leave nothing allocated", tooManyRequested),
];
