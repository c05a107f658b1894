// What guards guests' ports, under exactly what the unit allows: nft, the forwarding database, other namespaces' numbers, ears on the bridge.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { confinementOf } from "./confinement.ts";
import { serviceHost } from "./service-host.ts";
import { parseUnit } from "./unit-file.ts";

const UNIT = resolve(import.meta.dirname, "../../packaging/cocoon-net.service");
const SUBNET = "10.202.6.0/24";
const MAC = "02:00:5e:24:00:01";

test("guests are checked, isolated and listened to by a confined broker", async () => {
  const service =
    parseUnit(readFileSync(UNIT, "utf8")).get("Service") ?? new Map<string, string[]>();
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node", "uplink", "guest"));
  const uplink = { namespace: net.uplink, link: "eth0" };
  await joinByVeth({ namespace: net.node, link: "eth0" }, uplink);
  await net.node.exec(["ip", "addr", "add", "192.0.2.2/24", "dev", "eth0"]);
  await net.node.exec(["ip", "route", "add", "default", "via", "192.0.2.1"]);
  const host = undo.use(await serviceHost(net.node, folder.path));
  await host.exec(["cocoon-net", "adopt", "--platform", "local", "--subnet", SUBNET]);
  const command = (service.get("ExecStart")?.[0] ?? "").split(" ");
  const broker = host.confine(
    confinementOf(service),
    [...command, "--guest-mac-check", "--guest-isolation"],
    {},
  );
  undo.defer(async () => void (await broker.stop()));
  await waitFor(
    async () => {
      if (broker.exit() !== undefined) throw new Error(`the broker ended:\n${broker.stderr()}`);
      return (await host.ask("GET", "/readyz").catch(() => undefined))?.status === 200;
    },
    { what: "the broker" },
  );
  await joinByVeth(
    { namespace: net.node, link: "guest0", bridge: "cni0" },
    { namespace: net.guest, link: "eth0", mac: MAC },
  );
  await net.guest.exec(["udhcpc", "-i", "eth0", "-n", "-q", "-f", "-s", "/bin/true"]);
  expect(await net.node.exec(["nft", "list", "table", "bridge", "cocoon-net"])).toContain(
    `"guest0" . ${MAC} . 10.202.6.`,
  );
  await waitFor(
    async () =>
      (await net.node.exec(["ip", "-d", "link", "show", "guest0"])).includes("isolated on"),
    { what: "the guest's port to be isolated" },
  );
  expect((await host.ask("GET", "/v1/status")).body).toMatchObject({ rogueServers: [] });
  const complaints = broker
    .stderr()
    .split("\n")
    .filter((line) => line.includes('"what":'));
  expect(complaints).toEqual([]);
});
