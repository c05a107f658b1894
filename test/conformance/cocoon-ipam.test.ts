// Our plugin held to the cases, as host-local answers them (`strict`), and what it answers without `strict`.

import { expect, test } from "vitest";
import { cocoonIpam, freshBroker } from "./cocoon-ipam.ts";
import { createDriver } from "./driver.ts";
import { conformanceSuite } from "./suite.ts";

conformanceSuite(cocoonIpam);

test.each(cocoonIpam.versions)(
  "without strict a repeated ADD gives the same answer (%s)",
  async (version) => {
    await using sandbox = await freshBroker({});
    const driver = createDriver(cocoonIpam, sandbox, version);
    const parts = {
      ipam: { ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8:1::/64" }]] },
    };
    const first = await driver.add("pod", parts);
    expect((await driver.add("pod", parts)).stdout).toBe(first.stdout);
    await driver.del("pod", parts);
    expect(await driver.isFree("10.1.2.2", parts)).toBe(true);
  },
);

test("without ranges the node's pool is drawn from", async () => {
  await using sandbox = await freshBroker({});
  const driver = createDriver(cocoonIpam, sandbox, "1.1.0");
  expect(await driver.addresses("pod")).toEqual(["10.88.0.2/24"]);
});

test.each(["0.4.0", "1.0.0", "1.1.0"])(
  "CHECK takes the ADD's own result as prevResult (%s)",
  async (version) => {
    await using sandbox = await freshBroker({});
    const driver = createDriver(cocoonIpam, sandbox, version);
    const prevResult: unknown = JSON.parse((await driver.add("pod")).stdout);
    expect(
      await driver.run("CHECK", driver.conf({ prevResult }), { CNI_CONTAINERID: "pod" }),
    ).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    expect(await driver.error("CHECK", "other", { prevResult })).toMatchObject({ code: 100 });
    await driver.del("pod");
    expect(await driver.error("CHECK", "pod", { prevResult })).toMatchObject({ code: 100 });
  },
);

test("GC frees what the list leaves out, and nothing without a list", async () => {
  await using sandbox = await freshBroker({});
  const driver = createDriver(cocoonIpam, sandbox, "1.1.0");
  const bare = { CNI_CONTAINERID: undefined, CNI_NETNS: undefined, CNI_IFNAME: undefined };
  const collect = (parts: object) => driver.run("GC", driver.conf({ ...parts }), bare);
  for (const container of ["a", "b"]) await driver.add(container);
  expect(await collect({})).toMatchObject({ exitCode: 0, stdout: "" });
  expect(await driver.isFree("10.88.0.2", {})).toBe(false);
  await collect({ "cni.dev/valid-attachments": [{ containerID: "a", ifname: "eth0" }] });
  expect(await driver.isFree("10.88.0.2", {})).toBe(false);
  expect(await driver.isFree("10.88.0.3", {})).toBe(true);
  await collect({ "cni.dev/valid-attachments": null });
  expect(await driver.isFree("10.88.0.2", {})).toBe(true);
});

test("a delivered result is confirmed", async () => {
  await using sandbox = await freshBroker({});
  const driver = createDriver(cocoonIpam, sandbox, "1.1.0");
  await driver.add("pod");
  await expect.poll(() => sandbox.provisional(), { timeout: 10_000 }).toBe(0);
});
