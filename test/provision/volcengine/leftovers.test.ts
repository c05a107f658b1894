// What an earlier run left in a subnet that this node no longer uses: it is seen, told of, and goes.

import { expect, it } from "vitest";
import { compareWithCloud } from "#provision/difference.ts";
import { NODES } from "#test/clouds/volcengine/standard-scenario.ts";
import { type TestNode, block, openNode } from "./node.ts";
import { SUBNET, openWithSubnet, orphan, tags } from "./subnet-node.ts";

const NEXT = "172.20.101.0/24";
const next = { subnet: block(NEXT), poolSize: 20 };
const authorize = "AuthorizeSecurityGroupIngress";

/** An init that could not attach; its record is lost, and one for another subnet is stopped before it comes to leftovers. */
async function openLeftBehind() {
  const node = await openNode({ ingressOpen: false });
  const { faults } = node.fake;
  faults.plan({ call: "AttachNetworkInterface", nth: 1, times: 99, kind: "denied" });
  await expect(node.init({ poolSize: 20 })).rejects.toMatchObject({ code: "cloud-denied" });
  node.state.file = undefined;
  faults.clear();
  faults.plan({ call: authorize, nth: 1, times: 99, kind: "denied" });
  const wider = { ...next, authorizeVpcIngress: true };
  await expect(node.init(wider)).rejects.toMatchObject({ code: "cloud-denied" });
  faults.clear();
  const left = detached(node);
  expect(left).toHaveLength(1);
  return { node, wider, id: left[0]?.view.id ?? "" };
}

const detached = ({ fake }: TestNode) =>
  [...fake.regionNamed().enis.values()].filter(
    ({ view }) => view.name.startsWith("cocoon-") && view.instanceId === "",
  );

it("an interface in another subnet is told of, and deleted by the init that follows", async () => {
  const { node, wider, id } = await openLeftBehind();
  await using _ = node;
  const pool = node.pool();
  if (pool === undefined) throw new Error("there is no pool");
  const told = await compareWithCloud(node.open(), pool, new AbortController().signal);
  expect(told.filter(({ topic }) => topic === "leftover")).toMatchObject([
    { found: expect.stringContaining(id) },
  ]);
  const { plan } = await node.init(wider);
  expect(plan.steps.map(({ action, id: step }) => `${action} ${step}`)).toContain(
    `remove delete-eni/${id}`,
  );
  expect(detached(node)).toEqual([]);
  await node.teardown();
  // The rule stays, for others may rely on it.
  expect(node.fake.audit()).toMatchObject({ enisLeft: [], subnetsLeft: [], lost: [] });
});

it("an interface in another subnet goes by a teardown, with both subnets", async () => {
  const { node } = await openLeftBehind();
  await using _ = node;
  await node.teardown();
  expect(node.fake.audit()).toMatchObject({ clean: true });
});

it("a subnet of ours that is not the pool's stays for what somebody else has in it, and teardown ends", async () => {
  await using node = await openWithSubnet({ tags: tags("node-1", NODES[0]) });
  node.fake.change(orphan({ name: "database", tags: [] }));
  await node.init(next);
  const { steps } = await node.teardown();
  expect(steps.find(({ id }) => id === `keep/${SUBNET}`)?.detail).toBe(
    "eni-orphan00000000001 is still in it",
  );
  const { subnets, enis } = node.fake.regionNamed();
  expect([subnets.has(SUBNET), enis.has("eni-orphan00000000001")]).toEqual([true, true]);
  expect([...subnets.values()].map(({ cidr }) => cidr)).not.toContain(NEXT);
});
