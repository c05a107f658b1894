// Containers started by containerd through the conflists as the broker wrote them.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startContainerd, type Containerd } from "#test/containerd/containerd.ts";
import { run } from "#test/netns/process.ts";
import {
  GATEWAY,
  MTU,
  ping,
  pingWhole,
  startNode,
  type TestNode,
  waitForState,
} from "#test/e2e/node.ts";
import { readNetwork } from "#test/e2e/runtime.ts";

const containerdOn = (node: TestNode): Promise<Containerd> =>
  startContainerd({ ...node, ...node.paths });

test("a container of the folder's default network is addressed, routed and reached at full size", async () => {
  await using node = await startNode();
  expect(await readdir(node.paths.conflists)).toEqual([
    "29-cocoon-net.conflist",
    "30-cocoon-dhcp.conflist",
  ]);
  await using containerd = await containerdOn(node);
  const one = await containerd.runContainer("one");
  const two = await containerd.runContainer("two");
  const [first, second] = [await one.address(), await two.address()];
  expect(await node.lease(first)).toMatchObject({
    state: "leased",
    provisional: false,
    routed: true,
    ownerParts: { kind: "container", network: "cocoon-net", ifname: "eth0" },
  });
  expect(await node.routeOf(first)).toContain("dev cni0");
  expect(await one.exec(["ip", "route"])).toContain(`default via ${GATEWAY} dev eth0`);

  const inside = ["nsenter", `--net=${one.netns}`];
  await node.namespace.exec(pingWhole(first, MTU));
  await run([...inside, ...pingWhole(GATEWAY, MTU)]);
  await run([...inside, ...pingWhole(second, MTU)]);
  await expect(run([...inside, ...pingWhole(GATEWAY, MTU + 1)])).rejects.toThrow("too long");
  await two.exec(["ping", "-c", "1", first]);

  await one.remove();
  await waitForState(node, first, "cooling");
  expect(await node.routeOf(first)).toBe("");
  const three = await containerd.runContainer("three");
  expect(await three.address()).not.toBe(first);
});

test("the conflist offers what a bridge plugin that knows only CNI 1.0.0 answers", async () => {
  await using node = await startNode();
  const env = { CNI_COMMAND: "VERSION" };
  const bridge = join(node.paths.plugins, "bridge");
  const answer = await run([bridge], { env, input: `{"cniVersion":"1.0.0"}` });
  const supported = (JSON.parse(answer) as { supportedVersions: string[] }).supportedVersions;
  expect(supported, "this test wants a stock bridge of before CNI 1.1.0").not.toContain("1.1.0");
  expect(await readNetwork(node)).toMatchObject({
    cniVersion: "1.0.0",
    cniVersions: expect.not.arrayContaining(["1.1.0"]),
    plugins: [{ type: "bridge", mtu: MTU, ipam: { type: "cocoon-ipam" } }],
  });
});

test("containers keep their addresses over a kill of the broker; what it missed is made good", async () => {
  await using node = await startNode();
  await using containerd = await containerdOn(node);
  const stays = await containerd.runContainer("stays");
  const goes = await containerd.runContainer("goes");
  const [kept, freed] = [await stays.address(), await goes.address()];
  await node.broker.kill();

  await node.namespace.exec(ping(kept));
  await goes.remove();
  expect(await readdir(join(node.paths.state, "spool"))).toHaveLength(1);
  await expect(containerd.runContainer("late")).rejects.toThrow("cocoon-net");

  await node.broker.start();
  await waitForState(node, freed, "cooling");
  expect(await readdir(join(node.paths.state, "spool"))).toEqual([]);
  expect(await node.lease(kept)).toMatchObject({ state: "leased", routed: true });
  const leased = (await node.leases()).filter((lease) => lease.state === "leased");
  expect(leased.map((lease) => lease.ip)).toEqual([kept]);
  expect(await stays.address()).toBe(kept);
  const later = await containerd.runContainer("later");
  await stays.exec(["ping", "-c", "1", await later.address()]);
});
