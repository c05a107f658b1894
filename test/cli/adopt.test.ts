// adopt on platform local: the plan as a table, and the command writing it twice.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { takeInstanceLock } from "#broker/linux/instance-lock.ts";
import { BrokerError } from "#core/errors.ts";
import { defaultNic, linkNames } from "#provision/local-facts.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { type AdoptionFacts, type AdoptionRequest, planAdoption } from "#provision/adoption.ts";
import { runCommand } from "./run-command.ts";

const request: AdoptionRequest = {
  platform: "local",
  nodeName: "node-1",
  subnet: "10.88.100.0/24",
  bridge: "cni0",
  dns: ["8.8.8.8"],
  dropCidr: [],
  dropInternalAccess: false,
  manageIptables: false,
};
const facts: AdoptionFacts = {
  defaultNic: "eth0",
  links: ["eth0", "eth1"],
  addresses: [{ nic: "eth0", ip: "192.0.2.5" }],
  existing: undefined,
};
const NOW = "2026-11-21T04:00:00.000Z";
const plan = (change: Partial<AdoptionRequest> = {}, seen: Partial<AdoptionFacts> = {}) =>
  planAdoption({ ...request, ...change }, { ...facts, ...seen }, NOW);

/** As init leaves it; a run that was cut off is refused alike. */
const ofInit: PoolFile = {
  ...plan().pool,
  platform: "gke",
  extra: {
    provisioning: { version: 1, state: "provisioning", generation: "g", node: { instance: "1" } },
  },
};

function refusal(change: Partial<AdoptionRequest>, seen: Partial<AdoptionFacts> = {}): string {
  try {
    plan(change, seen);
  } catch (thrown) {
    if (thrown instanceof BrokerError && thrown.hint !== "") return thrown.message;
    throw thrown;
  }
  return "accepted";
}

describe("the plan", () => {
  test("is the whole subnet without gateway, network and broadcast", () => {
    const { pool, size } = plan();
    expect(size).toBe(253);
    expect(pool).toMatchObject({
      platform: "local",
      gateway: "10.88.100.1",
      primaryNIC: "eth0",
      updatedAt: NOW,
      manageIptables: false,
    });
    expect([pool.ips?.length, pool.ips?.[0], pool.ips?.at(-1)]).toEqual([
      253,
      "10.88.100.2",
      "10.88.100.254",
    ]);
  });

  test.each([
    ["part of a subnet", { poolSize: 5 }, 5, 5],
    ["a gateway in the middle", { poolSize: 3, gateway: "10.88.100.2" }, 3, 3],
    ["a large subnet is not listed", { subnet: "10.0.0.0/8" }, 16_777_213, undefined],
    ["a small one", { subnet: "10.88.100.0/30" }, 1, 1],
  ])("%s", (_what, change, size, listed) => {
    const result = plan(change);
    expect([result.size, result.pool.ips?.length]).toEqual([size, listed]);
    expect(result.pool.ips ?? []).not.toContain(result.pool.gateway);
  });

  test("names cards that were plugged in after the first time, and keeps those that are recorded", () => {
    const cloud = { platform: "volcengine" as const };
    const first = plan(cloud, { links: ["eth0"] });
    expect(first).toMatchObject({
      pool: { secondaryNICs: [] },
      warnings: [expect.stringContaining("attach the ENIs")],
    });
    const second = plan(cloud, { existing: first.pool });
    expect(second).toMatchObject({ pool: { secondaryNICs: ["eth1"] }, warnings: [] });
    const third = plan(cloud, { existing: second.pool, links: ["eth0"] });
    expect(third.pool.secondaryNICs).toEqual(["eth1"]);
  });

  test("without a default route it warns", () => {
    expect(plan({}, { defaultNic: undefined })).toMatchObject({
      pool: { primaryNIC: "" },
      warnings: [expect.stringContaining("no default route")],
    });
  });

  test.each([
    ["no subnet", { subnet: undefined }, {}, "no subnet is given"],
    ["IPv6", { subnet: "fd00::/64" }, {}, "IPv6"],
    ["too small", { subnet: "10.0.0.0/31" }, {}, "no address left"],
    ["loopback", { subnet: "127.1.0.0/16" }, {}, "127.0.0.0/8"],
    ["multicast", { subnet: "230.0.0.0/8" }, {}, "224.0.0.0/3"],
    ["gateway outside", { gateway: "10.88.101.1" }, {}, "does not lie in 10.88.100.0/24"],
    ["gateway is broadcast", { gateway: "10.88.100.255" }, {}, "network or broadcast"],
    ["pool too large", { poolSize: 254 }, {}, "more than the 253 addresses"],
    ["subnet of a NIC", { subnet: "192.0.2.0/24" }, {}, "in use on eth0"],
    ["NIC that is not there", { primaryNic: "eth9" }, {}, "eth9 does not exist"],
    ["NIC that is the bridge", { primaryNic: "cni0" }, { links: ["cni0"] }, "cannot be the bridge"],
    [
      "another pool exists",
      { subnet: "10.99.0.0/24" },
      { existing: plan().pool },
      "already has the pool 10.88.100.0/24",
    ],
    [
      "init made the pool in the cloud",
      { platform: "gke" as const },
      { existing: ofInit },
      "made by cocoon-net init",
    ],
    [
      "a cloud's pool exists",
      {},
      { existing: { ...plan().pool, platform: "gke" as const } },
      "platform gke",
    ],
  ])("refuses: %s", (_what, change, seen, message) => {
    expect(refusal(change, seen)).toContain(message);
  });

  test("the bridge's own address is no obstacle", () => {
    expect(refusal({}, { addresses: [{ nic: "cni0", ip: "10.88.100.1" }] })).toBe("accepted");
  });
});

test("the default route's interface is the one of least metric", () => {
  const header =
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";
  const row = (nic: string, metric: number, flags = "0003", mask = "00000000") =>
    `${nic}\t00000000\t010200C0\t${flags}\t0\t0\t${metric}\t${mask}\t0\t0\t0\n`;
  expect(defaultNic(header)).toBeUndefined();
  expect(
    defaultNic(
      header +
        row("wlan0", 600) +
        row("eth0", 100) +
        row("down0", 1, "0002") +
        row("half0", 0, "0001", "00000080"),
    ),
  ).toBe("eth0");
  expect(linkNames("Inter-|\n face |\n    lo: 0 0\n  eth0: 1 2\n")).toEqual(["eth0"]);
});

describe("the command", () => {
  const subnet = ["adopt", "--platform", "local", "--subnet", "10.231.47.0/24"];
  function node() {
    const root = mkdtempSync(join(tmpdir(), "cocoon-net-adopt-"));
    const [state, conf] = [join(root, "state"), join(root, "cni")];
    return {
      state,
      conf,
      args: ["--state-dir", state, "--cni-conf-dir", conf],
      [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
    };
  }

  test("a dry run changes nothing", async () => {
    using place = node();
    const { code, out } = await runCommand([...subnet, ...place.args, "--dry-run"]);
    expect(code).toBe(0);
    expect(out).toContain(`1. write ${place.state}/pool.json: 253 addresses of 10.231.47.0/24`);
    expect([existsSync(place.state), existsSync(place.conf)]).toEqual([false, false]);
  });

  test("writes pool and guests' conflist, and nothing the second time", async () => {
    using place = node();
    expect((await runCommand([...subnet, ...place.args])).code).toBe(0);
    const path = join(place.state, "pool.json");
    expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({
      platform: "local",
      subnet: "10.231.47.0/24",
      gateway: "10.231.47.1",
      manageIptables: false,
    });
    expect(
      JSON.parse(readFileSync(join(place.conf, "30-cocoon-dhcp.conflist"), "utf8")),
    ).toMatchObject({ cniVersion: "1.0.0", name: "cocoon-dhcp" });
    const before = statSync(path);
    const again = await runCommand([...subnet, ...place.args]);
    expect(again.out.match(/keep /g)?.length).toBe(2);
    expect(statSync(path).ino).toBe(before.ino);
  });

  test("while an init or teardown runs it writes nothing", async () => {
    using place = node();
    mkdirSync(place.state);
    using _held = takeInstanceLock(join(place.state, "provisioning.lock"));
    const refused = await runCommand([...subnet, ...place.args]);
    expect(refused.code).not.toBe(0);
    expect(refused.err).toContain("another init, adopt or teardown");
    expect(existsSync(join(place.state, "pool.json"))).toBe(false);
    expect((await runCommand([...subnet, ...place.args, "--dry-run"])).code).toBe(0);
  });

  test("another default network wants --make-default, and nothing is written without", async () => {
    using place = node();
    mkdirSync(place.conf);
    writeFileSync(
      join(place.conf, "87-podman.conflist"),
      '{"name":"podman","cniVersion":"0.4.0","plugins":[]}',
    );
    const refused = await runCommand([...subnet, ...place.args]);
    expect(refused).toMatchObject({ code: 2, err: expect.stringContaining("--make-default") });
    expect(refused.out).toContain("before podman (87-podman.conflist), after cocoon-net");
    expect(existsSync(join(place.state, "pool.json"))).toBe(false);
    expect((await runCommand([...subnet, ...place.args, "--make-default"])).code).toBe(0);
  });
});
