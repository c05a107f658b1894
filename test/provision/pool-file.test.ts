// pool.json: back and forth with the Go version, nothing unknown lost, every fault named.

import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ip, ipv4FromUint } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import {
  type PoolFile,
  formatPoolFile,
  parsePoolFile,
  readPoolFile,
  writePoolFile,
} from "#provision/pool-file.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cocoon-pool-"));
  path = join(folder, "pool.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const local: PoolFile = {
  platform: "local",
  nodeName: "node-1",
  subnet: "10.77.0.0/24",
  gateway: ip("10.77.0.1"),
  primaryNIC: "eth0",
  secondaryNICs: ["eth1"],
  ips: [ip("10.77.0.2"), ip("10.77.0.3")],
  eniIDs: [],
  subnetID: "",
  aliasRangeName: "",
  dnsServers: [ip("8.8.8.8")],
  dropInternalAccess: true,
  dropCIDRs: ["192.168.0.0/16"],
  updatedAt: "2026-11-21T10:00:00Z",
  manageIptables: true,
  extra: { provisioning: { operations: ["op-1"] } },
};

test("a file of the Go version without the newer keys loads", () => {
  const old = `{"platform":"volcengine","nodeName":"n","subnet":"172.20.0.0/24","gateway":"172.20.0.1","primaryNIC":"eth0",
    "secondaryNICs":null,"ips":["172.20.0.5"],"eniIDs":["eni-1"],"subnetID":"subnet-1","updatedAt":"2026-01-01T00:00:00.123456789Z"}`;
  expect(parsePoolFile(old, path)).toEqual({
    ...local,
    platform: "volcengine",
    nodeName: "n",
    subnet: "172.20.0.0/24",
    gateway: "172.20.0.1",
    secondaryNICs: [],
    ips: ["172.20.0.5"],
    eniIDs: ["eni-1"],
    subnetID: "subnet-1",
    dnsServers: [],
    dropInternalAccess: false,
    dropCIDRs: [],
    updatedAt: "2026-01-01T00:00:00.123456789Z",
    manageIptables: undefined,
    extra: {},
  });
});

test("the keys stand in the order of the spec, unknown ones behind them", () => {
  expect(Object.keys(JSON.parse(formatPoolFile(local)))).toEqual(
    (
      "platform nodeName subnet gateway primaryNIC secondaryNICs ips eniIDs subnetID aliasRangeName dnsServers " +
      "dropInternalAccess dropCIDRs updatedAt manageIptables provisioning"
    ).split(" "),
  );
});

test("writing and reading give back every pool, unknown keys included", () => {
  const extra = fc.dictionary(fc.stringMatching(/^x[a-z]{1,8}$/), fc.jsonValue(), {
    noNullPrototype: true,
  });
  const pools = fc.record({
    ips: fc.option(fc.array(fc.nat(0xffff_ffff).map(ipv4FromUint)), { nil: undefined }),
    nodeName: fc.string(),
    secondaryNICs: fc.array(fc.string()),
    manageIptables: fc.option(fc.boolean(), { nil: undefined }),
    extra: extra.map((value): Record<string, unknown> => JSON.parse(JSON.stringify(value))),
  });
  fc.assert(
    fc.property(pools, (more) => {
      const pool: PoolFile = { ...local, ...more };
      expect(parsePoolFile(formatPoolFile(pool), path)).toEqual(pool);
    }),
  );
});

test.each([
  [4_096, 20, true],
  [65_533, 16, false],
  [5_000, 16, true],
])("%i addresses of a /%i are listed: %s", (count, length, listed) => {
  const ips = Array.from({ length: count }, (_, index) => ipv4FromUint(0x0a4d_0002 + index));
  const written = JSON.parse(formatPoolFile({ ...local, subnet: `10.77.0.0/${length}`, ips }));
  expect("ips" in written).toBe(listed);
  expect(
    "ips" in
      JSON.parse(formatPoolFile({ ...local, platform: "gke", subnet: `10.77.0.0/${length}`, ips })),
  ).toBe(true);
});

test("the file is replaced whole, for the owner alone", async () => {
  expect(await readPoolFile(path)).toBeUndefined();
  writeFileSync(join(folder, ".pool.json.new"), "left by a crash");
  await writePoolFile(path, local);
  expect(await readPoolFile(path)).toEqual(local);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["pool.json"]);
});

test.each([
  ["no JSON at all", "{", "not JSON"],
  ["a list", "[]", "object"],
  [
    "another platform",
    JSON.stringify({ ...local, platform: "aws" }),
    "platform: must be one of gke, volcengine, local",
  ],
  ["no subnet", JSON.stringify({ ...local, subnet: undefined }), "subnet: must be of type string"],
  [
    "a subnet that is none",
    JSON.stringify({ ...local, subnet: "10.77.0.0" }),
    "subnet: not a range in CIDR notation",
  ],
  [
    "a bad address",
    JSON.stringify({ ...local, ips: ["10.77.0.2", "10.77.0.300"] }),
    `ips.1: "10.77.0.300" is not an IP address`,
  ],
  [
    "a number for a name",
    JSON.stringify({ ...local, nodeName: 5 }),
    "nodeName: must be of type string",
  ],
])("%s is refused with file, key, reason and next step", (_, content, reason) => {
  const read = () => parsePoolFile(content, path);
  expect(read).toThrow(BrokerError);
  expect(read).toThrow(
    expect.objectContaining({ code: "invalid-config", hint: expect.stringContaining("adopt") }),
  );
  expect(read).toThrow(path);
  expect(read).toThrow(reason);
});

test("whatever the file holds, the answer is a pool or a BrokerError", () => {
  const anything = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .tuple(fc.constantFrom(...Object.keys(local)), fc.jsonValue())
      .map(([key, value]) => JSON.stringify({ ...local, [key]: value })),
  );
  fc.assert(
    fc.property(anything, (content) => {
      try {
        parsePoolFile(content, path);
      } catch (error) {
        expect(error).toBeInstanceOf(BrokerError);
      }
    }),
  );
});

test("a file that cannot be read or written is an error with its path", async () => {
  await expect(readPoolFile(folder)).rejects.toMatchObject({
    code: "system-failure",
    message: expect.stringContaining(folder),
  });
  await expect(writePoolFile(join(folder, "none", "pool.json"), local)).rejects.toMatchObject({
    hint: expect.stringContaining("--state-dir"),
  });
});
