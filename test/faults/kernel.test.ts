// What others do to the node's network while the broker runs: each is put right, nobody loses an address, nothing dies.

import { afterAll, beforeAll, expect, it } from "vitest";
import type { Mac } from "#core/address.ts";
import { joinByVeth } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type FaultNode, GATEWAY, makeFaultNode } from "./fault-node.ts";

const MAC = "02:68:00:00:00:02" as Mac;
/** Drift is repaired within this time (spec section 3); what the machine's load adds is allowed for. */
const REPAIR_LIMIT_MS = 30_000;
const FLOOD = 20_000;

let node: FaultNode;
let held = "";
beforeAll(async () => {
  node = await makeFaultNode({ flags: [] });
  held = await node.add("held");
  await node.lease(MAC);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

it("puts a route back that was deleted by hand, and takes a foreign one of our protocol away", async () => {
  await node.node.exec(["ip", "route", "del", `${held}/32`]);
  await node.node.exec("ip route add 10.144.7.77/32 dev cni0 proto 204".split(" "));
  await node.agree(REPAIR_LIMIT_MS);
  expect((await node.check("held")).code).toBe(0);
});

it("writes its chains anew when iptables are flushed, and leaves another owner's alone", async () => {
  const ours = async () =>
    (await node.node.exec(["iptables-save"]))
      .split("\n")
      .filter((line) => /COCOON|cocoon/.test(line));
  await waitFor(async () => (await ours()).length > 0, { what: "our chains" });
  const before = await ours();
  await node.node.exec(["iptables", "-N", "FOREIGN"]);
  for (const table of ["filter", "nat"]) await node.node.exec(["iptables", "-t", table, "-F"]);
  await waitFor(async () => JSON.stringify(await ours()) === JSON.stringify(before), {
    limit: REPAIR_LIMIT_MS,
    what: "our chains after a flush",
  });
  expect(await node.node.exec(["iptables-save"])).toContain(":FOREIGN");
});

it("makes the bridge anew when it is deleted, with address, routes and DHCP", async () => {
  await node.node.exec(["ip", "link", "del", "cni0"]);
  await waitFor(async () => (await bridgeAddresses()).includes(`${GATEWAY}/24`), {
    limit: REPAIR_LIMIT_MS,
    what: "the bridge and its address",
  });
  await node.agree(REPAIR_LIMIT_MS);
  expect((await node.check("held")).code).toBe(0);
  await node.add("on the new bridge".replaceAll(" ", "-"));
  // The guest's port went with the old bridge; whoever runs it joins it again.
  await node.node.exec(["ip", "link", "set", "guest0", "master", "cni0"]);
  await waitFor(
    async () =>
      node.reclaim(MAC).then(
        () => true,
        () => false,
      ),
    { limit: REPAIR_LIMIT_MS, what: "a lease on the new bridge" },
  );
  await node.agree(REPAIR_LIMIT_MS);
});

it(`goes on serving while others change ${FLOOD} routes, and misses nothing of its own`, async () => {
  await joinByVeth(
    { namespace: node.node, link: "flood0" },
    { namespace: node.pod, link: "flood1" },
  );
  const lines = (verb: string) =>
    Array.from(
      { length: FLOOD },
      (_, index) => `route ${verb} 10.150.${index >> 8}.${index & 255}/32 dev flood0`,
    );
  const batch = [...lines("add"), ...lines("del")].join("\n");
  const flood = node.node.exec(["ip", "-batch", "-"], { input: `${batch}\n` });
  for (let index = 0; index < 20; index += 1) await node.add(`in-the-flood-${index}`);
  await node.node.exec(["ip", "route", "del", `${held}/32`]);
  await flood;
  await node.agree(REPAIR_LIMIT_MS);
  expect(node.broker.ended()).toBeUndefined();
  const { status } = await node.broker.ask("GET", "/readyz");
  expect(status).toBe(200);
});

/** None while there is no bridge. */
const bridgeAddresses = (): Promise<string[]> =>
  node.node.addresses("cni0").catch((): string[] => []);
