// What init on GKE refuses: each with exit code, reason and next step, and nothing changed in the cloud.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { namespaces } from "#test/netns/namespaces.ts";
import { COCOON_NET } from "#test/netns/broker.ts";
import { openGkeWorld, OTHER_GKE_NODE, PROJECT } from "./gke-world.ts";
import { expectRefusal, type Refusal } from "./refusal.ts";
import type { World } from "./world.ts";

const RANGE = { kind: "add-secondary-range", subnetwork: "nodes", rangeName: "cocoon-pods" };
let world: World;
beforeAll(async () => {
  world = await openGkeWorld();
  await world.fake.change({ ...RANGE, ipCidrRange: "10.205.96.0/21" });
});
afterAll(() => world[Symbol.asyncDispose]());

const init = (...words: readonly string[]) => ["init", "--platform", "gke", ...words];
const subnet = (cidr: string) => init("--subnet", cidr);

test.each<[string, readonly string[], Refusal]>([
  [
    "a range that GKE has given to this node's pods",
    subnet("10.205.64.0/24"),
    { code: 5, says: /overlaps 10\.205\.64\.0\/24/, next: /choose another --subnet/ },
  ],
  [
    "the subnet that the node itself is in",
    subnet("10.205.0.0/24"),
    { code: 2, says: /10\.205\.0\.2.*eth0|eth0.*10\.205\.0\.2/, next: /no interface of this/ },
  ],
  [
    "a subnet that the secondary range does not cover",
    subnet("10.205.120.0/24"),
    { code: 5, says: /cocoon-pods.*10\.205\.96\.0\/21.*10\.205\.120\.0\/24/, next: /--subnet/ },
  ],
  [
    "more addresses than the subnet has",
    [...subnet("10.205.100.0/24"), "--pool-size", "300"],
    { code: 2, says: /--pool-size 300 is more than the 253 addresses/, next: /--subnet/ },
  ],
  [
    "a platform that there is not",
    ["init", "--platform", "aws", "--subnet", "10.205.100.0/24"],
    { code: 2, says: /aws/, next: /correct it or leave it out/ },
  ],
])("refused: %s", async (_what, command, refusal) => {
  await expectRefusal(world, await world.node.tryCocoonNet(...command), refusal);
});

test("a missing permission is named before anything is changed", async () => {
  const permission = "compute.instances.updateNetworkInterface";
  await world.fake.change({ kind: "deny", project: PROJECT, permission });
  const output = await world.node.tryCocoonNet(...world.init);
  await world.fake.change({ kind: "grant", project: PROJECT, permission });
  await expectRefusal(world, output, {
    code: 6,
    says: new RegExp(`permission is missing: ${permission} on instance`),
    next: /packaging\/gke-role\.yaml/,
  });
});

test("credentials that are none are refused by the file's name", async () => {
  const file = join(world.node.folder, "credentials.json");
  await writeFile(file, "{");
  const env = { GOOGLE_APPLICATION_CREDENTIALS: file };
  await expectRefusal(world, await world.node.tryWith(env, ...world.init), {
    code: 6,
    says: new RegExp(`cannot use the credentials in ${file}`),
    next: /service account/,
  });
});

test("another subnet than the recorded one is refused as that", async () => {
  await world.node.tryCocoonNet(...world.init, "--dry-run");
  const permission = "compute.subnetworks.get";
  await world.fake.change({ kind: "deny", project: PROJECT, permission });
  await world.node.tryCocoonNet(...world.init);
  await world.fake.change({ kind: "grant", project: PROJECT, permission });
  await expectRefusal(world, await world.node.tryCocoonNet(...subnet("10.205.101.0/24")), {
    code: 2,
    says: /already has the pool 10\.205\.100\.0\/24, not 10\.205\.101\.0\/24/,
    next: /teardown first/,
  });
  await world.node.cocoonNet("teardown");
});

test("a range that another node has is left to it, and the node is named", async () => {
  const alias = { ipCidrRange: "10.205.101.0/24", subnetworkRangeName: "cocoon-pods" };
  await world.fake.change({ kind: "add-foreign-alias", instance: OTHER_GKE_NODE, alias });
  const output = await world.node.tryCocoonNet(...subnet("10.205.101.0/24"));
  const removal = await world.node.tryCocoonNet("teardown");
  expect(removal.code, removal.stderr).toBe(0);
  expect(output.code, output.stderr).toBe(5);
  expect(output.stderr).toMatch(
    new RegExp(`10\\.205\\.101\\.0/24 is in use: instance ${OTHER_GKE_NODE}`),
  );
  expect(output.stderr).toMatch(/^next: choose another --subnet/m);
  expect(await world.leftovers()).toEqual([]);
  await world.fake.forgetCalls();
});

test("the network's quota of alias ranges is a limit, and names itself", async () => {
  await world.fake.change({ kind: "set-options", options: { aliasesPerNetwork: 3 } });
  const output = await world.node.tryCocoonNet(...world.init);
  expect(output.code, output.stderr).toBe(1);
  expect(output.stderr).toMatch(/ALIASES_PER_NETWORK_GLOBAL/);
  expect(output.stderr).toMatch(/^next: raise the quota/m);
  await world.node.cocoonNet("teardown");
  expect(await world.leftovers()).toEqual([]);
});

test("where no metadata server answers, the platform has to be named", async () => {
  await using net = await namespaces("bare");
  const state = join(world.node.folder, "bare");
  const command = [COCOON_NET, "init", "--subnet", "10.205.100.0/24", "--state-dir", state];
  const output = await net.bare.attempt(command);
  expect(output.code).toBe(5);
  expect(output.stderr).toMatch(/no platform is named, and no cloud's metadata server answers/);
  expect(output.stderr).toMatch(/^next: name it with --platform gke/m);
  const there = await world.node.cocoonNet("init", "--subnet", world.subnet, "--dry-run");
  expect(there).toContain("on nic0 of gke-demo-pool-1");
});
