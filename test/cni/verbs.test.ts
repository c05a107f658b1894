// ADD, DEL and the confirmation from the plugin's call to its output, with the real core behind them.

import { BrokerError } from "#core/errors.ts";
import { describe, expect, test } from "vitest";
import { addressesOf, brokerFixture, callBody, errorOf, successOf } from "./broker-fixture.ts";

describe("ADD", () => {
  test("draws from the node's pool, with the conf's routes and a confirm token", async () => {
    const { cni, ledger } = brokerFixture();
    const ipam = { type: "cocoon-ipam", routes: [{ dst: "0.0.0.0/0" }] };
    const reply = await cni.handle({
      ...callBody(
        "ADD",
        { ipam },
        { CNI_ARGS: "K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0;K8S_POD_UID=u1" },
      ),
      netns: { dev: "4", ino: "77" },
    });
    expect(successOf(reply)).toEqual({
      cniVersion: "1.1.0",
      ips: [{ address: "10.88.0.2/24", gateway: "10.88.0.1" }],
      routes: [{ dst: "0.0.0.0/0" }],
      dns: {},
    });
    const [lease] = [...ledger.leases()];
    expect(lease).toMatchObject({
      ip: "10.88.0.2",
      pool: "node",
      routed: true,
      provisional: true,
      owner: { network: "mynet", containerId: "pod1", ifname: "eth0" },
      attachment: {
        netns: "/run/netns/pod1",
        identity: { dev: "4", ino: "77" },
        podNamespace: "shop",
        podName: "db-0",
        podUid: "u1",
      },
    });
    await cni.confirm(reply.confirm);
    expect([...ledger.leases()][0]?.provisional).toBeUndefined();
  });

  test("again: the same answer; with strict, host-local's error", async () => {
    const { cni } = brokerFixture();
    const first = await cni.handle(callBody("ADD"));
    expect(addressesOf(await cni.handle(callBody("ADD")))).toEqual(addressesOf(first));
    const again = await cni.handle(
      callBody("ADD", { ipam: { type: "cocoon-ipam", strict: true } }),
    );
    expect(errorOf(again)).toMatchObject({
      code: 101,
      msg: expect.stringContaining("duplicate allocation is not allowed"),
    });
  });

  test("a full pool is code 11 in host-local's words, with counts and a hint", async () => {
    const { cni } = brokerFixture();
    const ipam = { ranges: [[{ subnet: "10.1.2.0/30" }]] };
    await cni.handle(callBody("ADD", { ipam }));
    const error = errorOf(await cni.handle(callBody("ADD", { ipam }, { CNI_CONTAINERID: "pod2" })));
    expect(error).toMatchObject({
      code: 11,
      msg: "no IP addresses available in range set: 10.1.2.1-10.1.2.2",
    });
    expect(error.details).toContain("leased 1");
  });

  test("a request that fits nowhere leaves nothing allocated (2A 11)", async () => {
    const { cni, commits } = brokerFixture();
    const conf = {
      ipam: { ranges: [[{ subnet: "10.1.2.0/24" }]] },
      args: { cni: { ips: ["10.1.2.88", "10.1.2.77"] } },
    };
    const error = errorOf(await cni.handle(callBody("ADD", conf)));
    expect(error.msg).toMatch(/^failed to allocate all requested IPs: 10\.1\.2\./);
    expect(commits()).toBe(0);
  });

  test("resolvConf comes from the file; one that cannot be read is code 7", async () => {
    const { cni, world, commits } = brokerFixture();
    const conf = { ipam: { resolvConf: "/etc/pods.conf" } };
    expect(errorOf(await cni.handle(callBody("ADD", conf)))).toMatchObject({
      code: 7,
      msg: "could not read ipam.resolvConf /etc/pods.conf",
    });
    expect(commits()).toBe(0);
    world.files.set("/etc/pods.conf", "nameserver 192.0.2.3\n");
    expect(successOf(await cni.handle(callBody("ADD", conf)))).toMatchObject({
      dns: { nameservers: ["192.0.2.3"] },
    });
  });

  test("before the broker serves, or without a pool: code 11", async () => {
    const { cni, world } = brokerFixture();
    world.pool = undefined;
    expect(errorOf(await cni.handle(callBody("ADD")))).toMatchObject({
      code: 11,
      msg: "the node has no address pool yet",
    });
    world.serving = false;
    for (const command of ["ADD", "CHECK"]) {
      expect(errorOf(await cni.handle(callBody(command)))).toMatchObject({
        code: 11,
        msg: "the cocoon-net broker does not serve yet",
      });
    }
  });

  test("a rejected commit is an answer, not a throw", async () => {
    const attach = () => Promise.reject(new BrokerError("commit-failed", "disk full"));
    const { cni } = brokerFixture({ wrap: (leasing) => ({ ...leasing, attach }) });
    expect(errorOf(await cni.handle(callBody("ADD")))).toMatchObject({
      code: 11,
      msg: "disk full",
    });
  });
});

describe("a plugin that cannot read the boot's name", () => {
  const nameless = (verb: string) => {
    const body = callBody(verb);
    return { ...body, stamp: { ...(body["stamp"] as object), bootId: "" } };
  };

  test("is served as of this boot while it waits: its DEL frees, and its ADD is not taken for an earlier boot's", async () => {
    const { cni, ledger } = brokerFixture();
    const [ip] = addressesOf(await cni.handle(nameless("ADD")));
    const attachment = [...ledger.leases()][0]?.attachment;
    expect(attachment?.stamp.bootId).toBe((callBody("ADD")["stamp"] as { bootId: string }).bootId);
    await cni.handle(nameless("DEL"));
    expect([...ledger.leases()]).toMatchObject([{ ip, state: "cooling" }]);
  });

  test("frees nothing by a release that was kept for later: it may be an earlier boot's", async () => {
    const { cni, ledger } = brokerFixture();
    await cni.handle(callBody("ADD"));
    expect(await cni.release(nameless("DEL"))).toBe(true);
    expect([...ledger.leases()]).toMatchObject([{ state: "leased" }]);
  });
});

describe("DEL", () => {
  test("frees, and succeeds for what is gone, unknown, renamed or broken", async () => {
    const { cni, ledger } = brokerFixture();
    for (const conf of [{}, {}, { name: "renamed" }, "{"]) {
      if (conf !== "{" && Object.keys(conf).length === 0) await cni.handle(callBody("ADD"));
      expect(await cni.handle(callBody("DEL", conf, { CNI_NETNS: "" }))).toEqual({
        exitCode: 0,
        stdout: "",
      });
      expect([...ledger.leases()].filter((lease) => lease.state === "leased")).toEqual([]);
    }
  });

  test.each([{ name: "renamed" }, "not json"])(
    "with conf %j frees by container and interface",
    async (conf) => {
      const { cni, ledger } = brokerFixture();
      await cni.handle(callBody("ADD"));
      await cni.handle(callBody("DEL", conf));
      expect([...ledger.leases()].map((lease) => lease.state)).toEqual(["cooling"]);
    },
  );

  test("works before the broker serves; what cannot be made durable is thrown, so that the plugin spools it", async () => {
    const { cni, world } = brokerFixture();
    world.serving = false;
    expect(await cni.handle(callBody("DEL"))).toEqual({ exitCode: 0, stdout: "" });
    const detach = () => Promise.reject(new BrokerError("commit-failed", "disk full"));
    const failing = brokerFixture({ wrap: (leasing) => ({ ...leasing, detach }) });
    await expect(failing.cni.handle(callBody("DEL"))).rejects.toMatchObject({
      code: "commit-failed",
    });
  });

  test("an ADD that began before the DEL is refused; the next one is not", async () => {
    const { cni } = brokerFixture();
    const late = callBody("ADD");
    await cni.handle(callBody("DEL"));
    await cni.handle(callBody("DEL"));
    expect(errorOf(await cni.handle(late))).toMatchObject({ code: 102 });
    successOf(await cni.handle(callBody("ADD")));
  });
});

describe("a spooled release", () => {
  test("frees as its DEL would have, before the broker serves", async () => {
    const { cni, ledger, world } = brokerFixture();
    await cni.handle(callBody("ADD"));
    world.serving = false;
    expect(await cni.release(callBody("DEL"))).toBe(true);
    expect([...ledger.leases()].map((lease) => lease.state)).toEqual(["cooling"]);
  });

  test("that is older than the ADD frees nothing", async () => {
    const { cni, ledger } = brokerFixture();
    const old = callBody("DEL");
    await cni.handle(callBody("ADD"));
    expect(await cni.release(old)).toBe(true);
    expect([...ledger.leases()].map((lease) => lease.state)).toEqual(["leased"]);
  });

  test.each([
    callBody("ADD"),
    callBody("GC"),
    callBody("DEL", {}, { CNI_IFNAME: "" }),
    {},
    null,
    "x",
  ])("is not %j", async (body) => {
    const { cni, commits } = brokerFixture();
    expect(await cni.release(body)).toBe(false);
    expect(commits()).toBe(0);
  });

  test("is tried again when it could not be made durable", async () => {
    const detach = () => Promise.reject(new BrokerError("commit-failed", "disk full"));
    const { cni } = brokerFixture({ wrap: (leasing) => ({ ...leasing, detach }) });
    await expect(cni.release(callBody("DEL"))).rejects.toMatchObject({ code: "commit-failed" });
  });
});

describe("confirm", () => {
  test.each([
    undefined,
    7,
    "",
    "{}",
    "[]",
    '["a","b","c",["d"]]',
    JSON.stringify(["n".repeat(5000), "b", "c", [1]]),
  ])("refuses %j", async (token) => {
    await expect(brokerFixture().cni.confirm(token)).rejects.toMatchObject({
      code: "invalid-request",
    });
  });

  test("of an allocation that has been replaced changes nothing", async () => {
    const { cni, ledger } = brokerFixture();
    const { confirm } = await cni.handle(callBody("ADD"));
    await cni.handle(callBody("DEL"));
    await cni.handle(callBody("ADD"));
    await cni.confirm(confirm);
    expect(
      [...ledger.leases()]
        .filter((lease) => lease.state === "leased")
        .map((lease) => lease.provisional),
    ).toEqual([true]);
  });
});
