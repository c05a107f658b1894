// CHECK, GC and STATUS from the plugin's call to its output, with the real core behind them.

import { describe, expect, test } from "vitest";
import { brokerFixture, callBody, errorOf, fixturePool } from "./broker-fixture.ts";

describe("CHECK", () => {
  const prevResult = (...addresses: string[]) => ({
    prevResult: { cniVersion: "1.1.0", ips: addresses.map((address) => ({ address })) },
  });

  test.each<[object, number | undefined, string]>([
    [{}, undefined, ""],
    [prevResult("10.88.0.2/24"), undefined, ""],
    [prevResult("10.88.0.2/24", "192.168.9.9/24"), undefined, "addresses of others are theirs"],
    [
      prevResult("10.88.0.3/24"),
      100,
      "10.88.0.2 is leased to the container, but prevResult does not have it",
    ],
    [
      prevResult("10.88.0.2/24", "10.88.0.9/24"),
      100,
      "10.88.0.9 of prevResult is not leased to the container",
    ],
    [prevResult(), 100, "10.88.0.2 is leased to the container, but prevResult does not have it"],
    [prevResult("nonsense"), 6, "could not parse prevResult"],
    [{ prevResult: 7 }, 6, "could not parse prevResult"],
  ])("of %j", async (conf, code, message) => {
    const { cni, commits } = brokerFixture();
    await cni.handle(callBody("ADD"));
    const before = commits();
    const reply = await cni.handle(callBody("CHECK", conf));
    if (code === undefined) expect(reply).toEqual({ exitCode: 0, stdout: "" });
    else expect(errorOf(reply)).toMatchObject({ code, msg: message });
    expect(commits()).toBe(before);
  });

  test("misses the reservation and the route", async () => {
    const { cni, world } = brokerFixture();
    expect(errorOf(await cni.handle(callBody("CHECK")))).toMatchObject({
      code: 100,
      msg: "Failed to find address added by container pod1",
    });
    await cni.handle(callBody("ADD"));
    world.missingRoutes.add("10.88.0.2");
    expect(errorOf(await cni.handle(callBody("CHECK")))).toMatchObject({
      code: 100,
      msg: "the host route of 10.88.0.2 is missing",
    });
  });

  test("asks for no route of an address that has none", async () => {
    const { cni, world } = brokerFixture();
    const conf = { ipam: { subnet: "10.1.2.0/24" } };
    await cni.handle(callBody("ADD", conf));
    world.missingRoutes.add("10.1.2.2");
    expect(await cni.handle(callBody("CHECK", conf))).toMatchObject({ exitCode: 0 });
  });
});

describe("GC by the letter", () => {
  const keep = [{ containerID: "pod1", ifname: "eth0" }];
  test.each<[object, string[]]>([
    [{}, ["pod1", "pod2", "pod3"]],
    [{ "cni.dev/valid-attachments": keep }, ["pod1", "pod3"]],
    [{ "cni.dev/valid-attachments": [{ containerID: "pod1", ifname: "eth1" }] }, ["pod3"]],
    [{ "cni.dev/valid-attachments": null }, ["pod3"]],
    [{ "cni.dev/valid-attachments": [] }, ["pod3"]],
    [{ "cni.dev/attachments": keep }, ["pod1", "pod3"]],
    [{ "cni.dev/valid-attachments": keep, "cni.dev/attachments": [] }, ["pod1", "pod3"]],
  ])("%j keeps %j", async (conf, kept) => {
    const { cni, ledger } = brokerFixture();
    await cni.handle(callBody("ADD", {}, { CNI_CONTAINERID: "pod1" }));
    await cni.handle(callBody("ADD", {}, { CNI_CONTAINERID: "pod2" }));
    await cni.handle(callBody("ADD", { name: "other" }, { CNI_CONTAINERID: "pod3" }));
    expect(await cni.handle(callBody("GC", conf))).toEqual({ exitCode: 0, stdout: "" });
    const leased = [...ledger.leases()].filter((lease) => lease.state === "leased");
    const owners = new Set(
      leased.map(({ owner }) => (owner?.kind === "container" ? owner.containerId : "")),
    );
    expect(owners).toEqual(new Set(kept));
  });

  test.each(["all", {}, [{}], [{ containerID: 7, ifname: "eth0" }], ["pod1"]])(
    "a list like %j frees nothing",
    async (listed) => {
      const { cni, commits } = brokerFixture();
      await cni.handle(callBody("ADD"));
      const before = commits();
      expect(
        errorOf(await cni.handle(callBody("GC", { "cni.dev/valid-attachments": listed }))),
      ).toMatchObject({ code: 7 });
      expect(commits()).toBe(before);
    },
  );
});

describe("STATUS", () => {
  const asks = { ipam: { statusOnExhaustion: true } };
  const nodes = {
    serving: { serving: true, pool: fixturePool() },
    starting: { serving: false, pool: fixturePool() },
    "without pool": { serving: true, pool: undefined },
    full: { serving: true, pool: fixturePool("10.88.0.0/30") },
  };
  test.each<[object, keyof typeof nodes, number | undefined]>([
    [{}, "serving", undefined],
    [{}, "starting", 50],
    [{}, "without pool", 50],
    [{}, "full", undefined],
    [asks, "full", 50],
    [asks, "serving", undefined],
    [{ ipam: { subnet: "nonsense" } }, "serving", 7],
  ])("of %j on a node that is %s", async (conf, node, code) => {
    const { cni, world } = brokerFixture();
    world.pool = fixturePool("10.88.0.0/30");
    await cni.handle(callBody("ADD"));
    Object.assign(world, nodes[node]);
    const reply = await cni.handle(callBody("STATUS", conf));
    if (code === undefined) expect(reply).toEqual({ exitCode: 0, stdout: "" });
    else expect(errorOf(reply).code).toBe(code);
  });

  test("cooling addresses are left: an ADD would get them", async () => {
    const { cni, world } = brokerFixture();
    world.pool = fixturePool("10.88.0.0/30");
    await cni.handle(callBody("ADD"));
    await cni.handle(callBody("DEL"));
    expect(await cni.handle(callBody("STATUS", asks))).toEqual({ exitCode: 0, stdout: "" });
  });
});
