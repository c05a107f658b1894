// A node whose NIC has a larger MTU than a bridge can have, as loopback does.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startBroker } from "#test/netns/broker.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { adoptedNode, ping } from "#test/e2e/node.ts";
import { addPod, addressOf, readNetwork } from "#test/e2e/runtime.ts";

const LARGEST = 65_535;

test("the bridge has the largest MTU there is, and containers the same", async () => {
  await using adopted = await adoptedNode({ adopt: ["--subnet", "10.202.5.0/24"] });
  const { node } = adopted;
  const file = join(node.paths.state, "pool.json");
  const pool = JSON.parse(await readFile(file, "utf8")) as Record<string, unknown>;
  await writeFile(file, JSON.stringify({ ...pool, primaryNIC: "lo" }));
  await using broker = await startBroker(node);
  expect(await node.namespace.exec(["ip", "link", "show", "cni0"])).toContain(`mtu ${LARGEST}`);
  expect((await broker.ask("GET", "/v1/status")).body).toMatchObject({ warnings: [] });
  const network = await waitFor(() => readNetwork(node).catch(() => undefined), {
    what: "the containers' conflist",
  });
  expect(network.plugins[0]).toMatchObject({ mtu: LARGEST });
  await using net = await namespaces("pod");
  const pod = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
  await node.namespace.exec(ping(pod));
});
