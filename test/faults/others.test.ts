// Who else may be there: a second broker, users without rights, what a dead broker left behind.

import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { COCOON_IPAM, COCOON_NET, nodeEnvironment } from "#test/netns/broker.ts";
import { callEnvironment, confText } from "#test/crash/plugin.ts";
import { type FaultNode, makeFaultNode, refusalOf } from "./fault-node.ts";

const REFUSED = 5;
const NOT_PERMITTED = 6;
const NOBODY = "65534";

let node: FaultNode;
beforeAll(async () => {
  node = await makeFaultNode();
  // Others may look into the test's own folder; what is in it is protected by the broker.
  await chmod(node.folder, 0o755);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

const daemon = [COCOON_NET, "daemon"];
const environment = () => ({
  ...nodeEnvironment({ folder: node.folder }),
  COCOON_NET_METRICS_ADDR: "",
  COCOON_NET_SKIP_IPTABLES: "true",
});
const asNobody = [
  "setpriv",
  "--reuid",
  NOBODY,
  "--regid",
  NOBODY,
  "--clear-groups",
  "--inh-caps=-all",
];

it("refuses a second broker, and the first one does not notice", async () => {
  const pid = node.broker.pid();
  const second = await node.node.attempt(daemon, { env: environment() });
  expect(second).toMatchObject({ code: REFUSED });
  expect(second.stderr).toContain(`another broker (process ${pid})`);
  expect(second.stderr).toMatch(/next:/);
  await node.add("after-the-second");
  await node.agree();
  expect(node.broker.pid()).toBe(pid);
});

it("refuses a second broker with another socket, too: the state folder is what counts", async () => {
  const other = { ...environment(), COCOON_NET_SOCKET: join(node.folder, "other.sock") };
  expect(await node.node.attempt(daemon, { env: other })).toMatchObject({ code: REFUSED });
  await node.add("after-the-third");
});

it("tells who may not run it, and changes nothing", async () => {
  await node.broker.stop();
  const refused = await node.node.attempt([...asNobody, ...daemon], { env: environment() });
  expect(refused.code).toBe(NOT_PERMITTED);
  expect(refused.stderr).toMatch(/next:/);
  await node.broker.start();
  await node.agree();
});

it("lets no other user ask for an address, nor keep a release where nobody looks", async () => {
  for (const verb of ["ADD", "DEL"] as const) {
    const call = { verb, id: "intruder" };
    const done = await node.node.attempt([...asNobody, COCOON_IPAM], {
      env: callEnvironment(node.pod.path, call),
      input: confText(node.broker, call),
    });
    expect(refusalOf(done).code).toBe(11);
  }
  await node.agree();
});

it("starts over a dead broker's socket, lock and unfinished files", async () => {
  await node.broker.kill();
  const { state } = node.broker.paths;
  await writeFile(join(state, "spool", "00000000000000000001-1-aa.json.tmp"), "{");
  await writeFile(join(state, "spool", "00000000000000000002-1-bb.json"), "no release");
  await node.broker.start();
  await node.add("after-the-dead");
  await node.agree();
});
