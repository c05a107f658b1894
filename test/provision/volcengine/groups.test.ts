// --security-group against interfaces that are there: what was asked for is never silently something else.

import { describe, expect, it } from "vitest";
import { GROUP, VPC } from "#test/clouds/volcengine/standard-scenario.ts";
import { type TestNode, openNode } from "./node.ts";

const GUESTS = "sg-guests";

/** A second group that lets the VPC in. */
async function open(): Promise<TestNode> {
  const node = await openNode();
  const { securityGroups } = node.fake.regionNamed();
  const like = securityGroups.get(GROUP);
  if (like === undefined) throw new Error("the scenario has no group");
  securityGroups.set(GUESTS, { ...like, id: GUESTS, vpcId: VPC });
  return node;
}

/** Groups of the node's interfaces, in the order of their names. */
const groupsOf = (node: TestNode) =>
  [...node.fake.regionNamed().enis.values()]
    .filter(({ view }) => view.name.startsWith("cocoon-"))
    .toSorted((one, other) => (one.view.name < other.view.name ? -1 : 1))
    .map(({ view }) => view.securityGroupIds);

describe("a second init that names", () => {
  it.each([
    ["another group", [GUESTS]],
    ["one more", [GROUP, GUESTS]],
  ])("%s is refused before anything is changed, with both and what to do", async (_, named) => {
    await using node = await open();
    await node.init({ poolSize: 20 });
    const [file] = [node.state.file];
    node.fake.log.clear();
    await expect(node.init({ poolSize: 60, securityGroups: named })).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringMatching(
        `cocoon-node-1-1 is in security group ${GROUP}, not in ${named.join(" ")} as --security-group`,
      ),
      hint: expect.stringMatching(`keep --security-group ${GROUP}, .*teardown`),
    });
    expect([node.fake.log.mutating, node.state.file]).toEqual([[], file]);
  });

  it("the same ones, in another order, goes on", async () => {
    await using node = await open();
    await node.init({ poolSize: 20, securityGroups: [GROUP, GUESTS] });
    const { pool } = await node.init({ poolSize: 40, securityGroups: [GUESTS, GROUP] });
    expect(pool.ips).toHaveLength(40);
  });

  it("none goes on with those of the interfaces that are there, not with the primary one's", async () => {
    await using node = await open();
    await node.init({ poolSize: 20, securityGroups: [GUESTS] });
    const { plan } = await node.init({ poolSize: 60 });
    expect(groupsOf(node)).toEqual([[GUESTS], [GUESTS], [GUESTS]]);
    expect(plan.warnings).toEqual([]);
  });
});

it("a run that was killed in the middle and is repeated without the flag makes no mixture", async () => {
  await using node = await open();
  node.fake.faults.plan({ call: "CreateNetworkInterface", nth: 2, kind: "denied" });
  await expect(node.init({ poolSize: 40, securityGroups: [GUESTS] })).rejects.toThrow();
  await node.init({ poolSize: 40 });
  expect(groupsOf(node)).toEqual([[GUESTS], [GUESTS]]);
});

it("a mixture that somebody made by hand is warned of, and does not stop a run that names no group", async () => {
  await using node = await open();
  await node.init({ poolSize: 40 });
  const second = [...node.fake.regionNamed().enis.values()].find(
    ({ view }) => view.name === "cocoon-node-1-2",
  );
  if (second === undefined) throw new Error("there is no second interface");
  second.view = { ...second.view, securityGroupIds: [GUESTS] };
  const { plan, pool } = await node.init({ poolSize: 40 });
  expect(plan.warnings.join()).toMatch(new RegExp(`${GROUP}, and eni-[^ ]+ in ${GUESTS}`));
  expect(pool.ips).toHaveLength(40);
});
