// The containerd harness itself, with the stock bridge and host-local plugins: a real container gets an address and loses it.
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startContainerd } from "#test/containerd/containerd.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

test("a container starts through a conflist, answers, and gives its address back", async () => {
  await using folder = await temporaryFolder();
  await using net = await namespaces("node");
  const conflists = join(folder.path, "net.d");
  const plugins = join(folder.path, "bin");
  const given = join(folder.path, "given");
  await mkdir(conflists);
  const bridge = {
    type: "bridge",
    bridge: "cni0",
    isGateway: true,
    ipam: { type: "host-local", dataDir: given, ranges: [[{ subnet: "10.93.0.0/24" }]] },
  };
  const conflist = { cniVersion: "1.0.0", name: "stock", plugins: [bridge] };
  await writeFile(join(conflists, "10-stock.conflist"), JSON.stringify(conflist));
  await using containerd = await startContainerd({
    namespace: net.node,
    folder: folder.path,
    conflists,
    plugins,
  });
  const container = await containerd.runContainer("one");
  const ip = await container.address();
  expect(ip).toBe("10.93.0.2");
  expect(await readdir(join(given, "stock"))).toContain(ip);
  await net.node.exec(["ping", "-c", "1", "-W", "5", ip]);
  await container.remove();
  expect(await readdir(join(given, "stock"))).not.toContain(ip);
  const list = await containerd.ctr(["container", "list", "--quiet"]);
  expect(list.stdout).toBe("");
});
