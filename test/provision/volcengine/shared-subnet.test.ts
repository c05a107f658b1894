// One subnet that was made by hand, given to two nodes: the later one stops before any of its interfaces is attached.

import { describe, expect, it } from "vitest";
import { FakeVolcengine } from "#test/clouds/volcengine/fake.ts";
import { Countdown } from "#test/clouds/volcengine/lag.ts";
import { NODES, VPC, ZONE, standardScenario } from "#test/clouds/volcengine/standard-scenario.ts";
import { PROMPT, type TestNode, joinNode } from "./node.ts";
import { SUBNET, openWithSubnet, orphan, tags } from "./subnet-node.ts";

const small = { poolSize: 20 };
const CIDR = "172.20.100.0/24";
const others = { name: "cocoon-node-2-1", tags: tags("node-2", NODES[1]) };
const changes = (node: TestNode) => node.fake.log.mutating.map(({ action }) => action);

describe("a detached interface of another node in it", () => {
  it("stops init before anything is changed", async () => {
    await using node = await openWithSubnet();
    node.fake.change(orphan(others));
    await expect(node.init(small)).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringContaining("was taken by node node-2 first"),
      hint: expect.stringMatching(/^give this node a --subnet of its own.*delete its interfaces/),
    });
    expect([changes(node), node.state.file]).toEqual([[], undefined]);
  });

  it("that was made while init began stops it before it attaches, and teardown undoes what was made", async () => {
    await using node = await openWithSubnet();
    const begin = node.fake.log.begin.bind(node.fake.log);
    node.fake.log.begin = (call, at) => {
      if (call.action === "CreateNetworkInterface") node.fake.change(orphan(others));
      return begin(call, at);
    };
    await expect(node.init(small)).rejects.toMatchObject({
      message: expect.stringContaining("was taken by node node-2 first"),
      hint: expect.stringContaining("cocoon-net teardown here"),
    });
    expect(changes(node)).toEqual(["CreateNetworkInterface"]);
    await node.teardown();
    expect([...node.fake.regionNamed().enis.keys()]).toContain("eni-orphan00000000001");
    expect(node.fake.audit().enisLeft.map(({ name }) => name)).toEqual(["cocoon-node-2-1"]);
  });

  it("that is younger than this node's own stops nothing: that node was the later one", async () => {
    await using node = await openWithSubnet();
    await node.init(small);
    const createdAt = new Date(node.fake.now() + 1_000).toISOString();
    node.fake.change(orphan({ ...others, createdAt }));
    const { pool } = await node.init({ poolSize: 40 });
    expect(pool.ips).toHaveLength(40);
  });
});

describe("another machine of this node's name", () => {
  it("that has interfaces in the subnet stops init before anything is changed, though the tags agree", async () => {
    await using node = await openWithSubnet({ tags: tags("node-1", NODES[1]) });
    node.fake.change(orphan({ tags: tags("node-1", NODES[1]), instanceId: NODES[1] }));
    await expect(node.init(small)).rejects.toMatchObject({
      code: "cloud-conflict",
      message: expect.stringContaining(`is used by ${NODES[1]}`),
      hint: expect.stringMatching(/node name is used twice.*detach its interfaces/),
    });
    expect([changes(node), node.state.file]).toEqual([[], undefined]);
  });

  it("keeps its subnet when this one is torn down, empty as it may be at this moment", async () => {
    await using node = await openWithSubnet({
      cidr: "172.20.101.0/24",
      tags: tags("node-1", NODES[1]),
    });
    await node.init(small);
    const { steps } = await node.teardown();
    expect(steps.find(({ target }) => target === "subnet 172.20.101.0/24")).toMatchObject({
      action: "keep",
      detail: expect.stringContaining(NODES[1]),
    });
    expect(node.fake.regionNamed().subnets.has(SUBNET)).toBe(true);
  });

  it("keeps the subnet that it made first, still empty, when this one's init was refused it", async () => {
    await using made = await openTwoOfOneName();
    const { first, second, fake } = made;
    fake.faults.plan({ call: "CreateNetworkInterface", nth: 1, times: 99, kind: "denied" });
    await expect(first.init(small)).rejects.toMatchObject({ code: "cloud-denied" });
    fake.faults.clear();
    // The second one's lists do not show it yet.
    const subnet = [...fake.regionNamed().subnets.values()].find(({ cidr }) => cidr === CIDR);
    if (subnet === undefined) throw new Error("the first init made no subnet");
    subnet.hidden = new Countdown({ polls: 10_000 }, fake.now());
    await expect(second.init(small)).rejects.toThrow("InvalidCidrBlock.Conflict");
    delete subnet.hidden;
    const { steps } = await second.teardown();
    expect(steps.find(({ id }) => id === `keep/${subnet.id}`)?.detail).toContain(first.instance);
    const { pool } = await first.init(small);
    expect(pool.subnetID).toBe(subnet.id);
  });

  it("that is gone leaves its subnet to the one that took its place, and to that one's teardown", async () => {
    await using node = await openWithSubnet({ tags: tags("node-1", NODES[1]) });
    await node.init(small);
    await node.teardown();
    expect(node.fake.audit().enisLeft).toEqual([]);
    expect(node.fake.regionNamed().subnets.has(SUBNET)).toBe(false);
  });

  it("that is gone leaves its subnet to a teardown without pool.json", async () => {
    await using node = await openWithSubnet({
      cidr: "172.20.101.0/24",
      tags: tags("node-1", NODES[1]),
    });
    await node.teardown();
    expect(node.fake.regionNamed().subnets.has(SUBNET)).toBe(false);
  });
});

it("a subnet that init made needs no second look", async () => {
  await using node = await openWithSubnet({ tags: tags("node-1", NODES[0]) });
  const { plan } = await node.init(small);
  expect(plan.steps.filter(({ action }) => action === "check")).toEqual([]);
});

/** Two machines beside one cloud, both called node-1. */
async function openTwoOfOneName() {
  const fake = new FakeVolcengine(standardScenario({ settings: PROMPT }));
  await using stack = new AsyncDisposableStack();
  const api = stack.use(await fake.listen());
  const first = stack.use(await joinNode(fake, api.url, { index: 0, nodeName: "node-1" }));
  const second = stack.use(await joinNode(fake, api.url, { index: 1, nodeName: "node-1" }));
  const opened = stack.move();
  return { fake, first, second, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

it("of two nodes that begin at once exactly one goes on, and the other has nothing attached", async () => {
  const scenario = standardScenario({ settings: PROMPT });
  const handmade = { id: SUBNET, vpcId: VPC, zoneId: ZONE, cidr: "172.20.100.0/24" };
  scenario.regions[0]?.subnets?.push(handmade);
  const fake = new FakeVolcengine(scenario);
  await using api = await fake.listen();
  await using first = await joinNode(fake, api.url, { index: 0 });
  await using second = await joinNode(fake, api.url, { index: 1 });
  const nodes = [first, second];
  const ended = await Promise.allSettled(nodes.map((node) => node.init(small)));
  expect(ended.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
  const loser = nodes[ended.findIndex(({ status }) => status === "rejected")];
  const attached = [...fake.regionNamed().enis.values()].filter(
    ({ view }) => view.name.startsWith("cocoon-") && view.instanceId === loser?.instance,
  );
  expect(attached).toEqual([]);
});
