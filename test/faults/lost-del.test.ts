// A running broker notices by itself that a container is gone: nobody calls DEL, nobody asks for a look.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { buildDaemon } from "#test/crash/build-daemon.ts";
import { CONTROL_VARIABLE, writeControl } from "#test/crash/control.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { addressOf, callPlugin } from "#test/crash/plugin.ts";
import { joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { makeFaultNode } from "./fault-node.ts";

const MINUTES = 60_000;
/** The broker asks its clock twice a minute whether a look is due. */
const LIMIT = 100_000;

it("gives a dead container's address back, tells what it found and counts it", async () => {
  await using folder = await temporaryFolder();
  const control = join(folder.path, "control");
  await mkdir(control);
  writeControl(control, { ahead: 0 });
  await using node = await makeFaultNode({
    command: [process.execPath, await buildDaemon()],
    env: { [CONTROL_VARIABLE]: control, COCOON_NET_SKIP_IPTABLES: "true" },
  });
  await using net = await namespaces("alive");
  const dead = await namespaces("dead");
  for (const [name, namespace] of [
    ["alive0", net.alive],
    ["dead0", dead.dead],
  ] as const) {
    const port = { namespace: node.node, link: name, bridge: "cni0" };
    await joinByVeth(port, { namespace, link: "eth0" });
  }
  const add = async (id: string, path: string) =>
    addressOf(await callPlugin(node.broker, path, { verb: "ADD", id }));
  const [gone, kept] = [await add("gone", dead.dead.path), await add("kept", net.alive.path)];
  // Confirmations come just behind the plugins' ends.
  await waitFor(
    async () => (await leasesOf(node.broker)).every(({ provisional }) => !provisional),
    {
      what: "both to be confirmed",
    },
  );
  await dead[Symbol.asyncDispose]();
  // The look that the end of the link causes comes first; then the grace passes at once.
  await waitFor(async () => (await node.node.exec(["ip", "neigh", "show", gone])).includes(gone), {
    what: `the broker to ask for ${gone}`,
  });
  writeControl(control, { ahead: 5 * MINUTES });
  await waitFor(
    async () => (await leasesOf(node.broker)).find(({ ip }) => ip === gone)?.state === "cooling",
    { limit: LIMIT, what: `${gone} to come back` },
  );
  expect((await leasesOf(node.broker)).find(({ ip }) => ip === kept)?.state).toBe("leased");
  expect(await node.node.exec(["ip", "route", "show", `${gone}/32`])).toBe("");
  const { body } = await node.broker.ask("GET", "/metrics");
  expect(body).toContain('cocoon_net_reconciler_findings_total{finding="namespace-gone"} 1');
  expect(node.broker.logs()).toContain(`${gone} has lost container gone eth0`);
});
