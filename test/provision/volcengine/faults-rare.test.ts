// The calls that a first init of an empty node does not make go wrong in every way: the rest of an interface's addresses,
// a rule of the security group, a leftover's deletion, another's subnet that is waited for and looked at again.

import { describe, expect, it } from "vitest";
import { provisioningOf } from "#provision/journal.ts";
import { GROUP, NODES } from "#test/clouds/volcengine/standard-scenario.ts";
import { Countdown } from "#test/clouds/volcengine/lag.ts";
import { PROMPT, type TestNode } from "./node.ts";
import { SUBNET, openWithSubnet, orphan } from "./subnet-node.ts";
import { type Trouble, heal, ofChanges, plant, troubles } from "./trouble.ts";

const LATE = { polls: 1 };
const settings = { ...PROMPT, transition: LATE, notFound: LATE, stale: LATE, subnetRelease: LATE };
/** Looks at an interface after which the next run, too, sees it as it was before the change: in its lists and by itself. */
const STALE = { polls: 4 };
/** Two interfaces: one that is there with an address, and one that is made. */
const goal = { poolSize: 40, authorizeVpcIngress: true };

/** What somebody left: a subnet of no node, an interface with too few addresses, one that no slot needs; a closed group. */
async function openLeft() {
  const node = await openWithSubnet({}, { settings, ingressOpen: false });
  node.fake.change(orphan());
  node.fake.change(
    orphan({
      id: "eni-surplus0000000001",
      name: "cocoon-node-1-6",
      mac: "00:16:3e:0f:00:02",
      primaryIp: "172.20.100.202",
      secondaryIps: ["172.20.100.203"],
    }),
  );
  const subnet = node.fake.regionNamed().subnets.get(SUBNET);
  if (subnet === undefined) throw new Error("there is no subnet");
  // Another's request for it has just been answered.
  subnet.status = "Pending";
  subnet.next = { status: "Available", countdown: new Countdown({ polls: 3 }, node.fake.now()) };
  return node;
}

async function expectFull(node: TestNode): Promise<void> {
  const { pool, degraded } = await node.init(goal);
  expect(degraded).toEqual([]);
  expect(provisioningOf(pool)?.state).toBe("complete");
  expect(new Set(pool.ips).size).toBe(40);
  expect(pool.eniIDs).toContain("eni-orphan00000000001");
  const { enisLeft, lost, changed } = node.fake.audit();
  expect(enisLeft.map(({ name, instance }) => `${name} ${instance}`).toSorted()).toEqual([
    `cocoon-node-1-1 ${NODES[0]}`,
    `cocoon-node-1-2 ${NODES[0]}`,
  ]);
  // Exactly what was wanted, however often it was asked for.
  expect(pool.ips).toHaveLength(40);
  const rules = node.fake.regionNamed().securityGroups.get(GROUP)?.permissions ?? [];
  expect(rules.filter(({ CidrIp }) => CidrIp === "172.20.0.0/16")).toHaveLength(1);
  // The group's rule, and nothing else of others.
  expect([...lost, ...changed]).toEqual([expect.stringMatching(`^${GROUP}: permissions `)]);
  expect(node.fake.log.unexpected).toEqual([]);
}

const changes: readonly string[] = [
  "AssignPrivateIpAddresses",
  "AuthorizeSecurityGroupIngress",
  "DeleteNetworkInterface",
];

/** One call of that name goes wrong in an init; false when there are fewer of them. */
async function mended(action: string, nth: number, trouble: Trouble): Promise<boolean> {
  await using node = await openLeft();
  if (changes.includes(action)) node.fake.change({ kind: "settings", settings: { stale: STALE } });
  plant(node, trouble, { nth, action });
  await node.init(goal).catch(() => undefined);
  if ((node.fake.log.counts()[action] ?? 0) < nth) return false;
  heal(node);
  await expectFull(node);
  return true;
}

/** More than any init makes of one kind. */
const MAX_CALLS = 40;
/** To a call that only reads the others are like one of these. */
const ofReads: readonly Trouble[] = ["garbage", "killed-before", "lasting-failure"];
const all: readonly Trouble[] = [...troubles, ...ofChanges, "lasting-failure"];

it("makes all of these calls when nothing goes wrong", async () => {
  await using node = await openLeft();
  const { plan } = await node.init(goal);
  expect(plan.steps.map(({ action, id }) => `${action} ${id}`)).toEqual(
    expect.arrayContaining([
      "wait wait-subnet",
      `update authorize-ingress/${GROUP}/172.20.0.0-16`,
      "remove delete-eni/eni-surplus0000000001",
      `check check-subnet/${SUBNET}`,
      "update assign/2",
    ]),
  );
  await expectFull(node);
});

describe.each(changes)("init, when %s", (action) => {
  it.each(all)("ends in %s, is finished by the next init", async (trouble) => {
    expect(await mended(action, 1, trouble)).toBe(true);
  });
});

describe.each([
  ["a look at the subnet that is waited for", "DescribeSubnetAttributes"],
  ["a look at who is in the subnet", "DescribeNetworkInterfaces"],
])("init, when %s", (_, action) => {
  it.each(ofReads)("ends in %s, is finished by the next init", async (trouble) => {
    let nth = 1;
    while (nth <= MAX_CALLS && (await mended(action, nth, trouble))) nth++;
    expect(nth).toBeGreaterThan(1);
    expect(nth).toBeLessThan(MAX_CALLS);
  });
});
