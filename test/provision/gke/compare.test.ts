// What pool.json and the cloud disagree about on GKE: the range that was made too small, the agent's switch.

import { expect, it } from "vitest";
import { provisioningOf, withProvisioning } from "#provision/journal.ts";
import { NODE, SUBNET, testNode } from "./node.ts";

it("a range that does not cover the node's subnet is told, with what can be done", async () => {
  await using stack = new AsyncDisposableStack();
  const node = await testNode(stack);
  await node.init();
  if (node.pool === undefined) throw new Error("there is no pool");
  // Another node's block, beyond the range that the first node's init made for itself.
  node.pool = { ...node.pool, subnet: "172.20.101.0/24" };
  const found = await node.differences();
  expect(found).toContainEqual({
    what: "secondary range cocoon-pods of subnetwork nodes (project demo-project, region us-central1)",
    recorded: "covers 172.20.101.0/24",
    found: SUBNET,
    hint: expect.stringContaining("choose a --subnet inside it"),
    topic: "range",
  });
  expect(found).toContainEqual({
    what: `alias range on nic0 of ${NODE}`,
    recorded: "172.20.101.0/24",
    found: `10.4.1.0/24, ${SUBNET}`,
    hint: expect.stringContaining("init again"),
    topic: "origin",
  });
});

it("an alias from elsewhere does not have to lie in that range", async () => {
  await using stack = new AsyncDisposableStack();
  const node = await testNode(stack);
  await node.init();
  if (node.pool === undefined) throw new Error("there is no pool");
  node.pool = { ...node.pool, subnet: "10.4.1.0/24", aliasRangeName: "" };
  expect((await node.differences()).map(({ topic }) => topic)).not.toContain("range");
});

it("the guest agent's switch is told with what it does meanwhile", async () => {
  await using stack = new AsyncDisposableStack();
  const node = await testNode(stack);
  await node.init();
  node.write("/etc/default/instance_configs.cfg", "[IpForwarding]\nip_aliases = true\n");
  expect(await node.differences()).toMatchObject([{ found: "on", topic: "agent" }]);
});

it("an adopted node is not sent to init, which would be refused", async () => {
  await using stack = new AsyncDisposableStack();
  const node = await testNode(stack);
  const { pool } = await node.init();
  const recorded = provisioningOf(pool);
  if (recorded === undefined) throw new Error("there is no journal");
  node.pool = withProvisioning(pool, { ...recorded, state: "adopted" });
  node.pool = { ...node.pool, primaryNIC: "eth7", subnet: "172.20.101.0/24" };
  node.write("/etc/default/instance_configs.cfg", "[IpForwarding]\nip_aliases = true\n");
  const hints = (await node.differences()).map(({ hint }) => hint).join("; ");
  expect(hints).toContain("cocoon-net adopt --verify");
  expect(hints).not.toContain("cocoon-net init");
});
