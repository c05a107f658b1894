// Another DHCP server on the bridge is found, told of wherever people look, and left alone.

import { join } from "node:path";
import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { fieldOf, options } from "#broker/dhcp/options.ts";
import { encodeReply } from "#broker/dhcp/reply.ts";
import { addBridge, joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { BROADCAST_MAC, openStation, udp } from "#test/e2e/ethernet.ts";
import { startNode } from "#test/e2e/node.ts";

const SUBNET = "10.202.4.0/24";
const ROGUE = "10.202.9.1";
const MAC = "02:00:5e:23:00:01";
const LIAR = "02:00:5e:23:00:66";

const start = () =>
  startNode({ adopt: ["--subnet", SUBNET], daemon: ["--metrics-addr", "127.0.0.1:0"] });

test("a server that answers our question is in status, metrics, events and doctor", async () => {
  await using node = await start();
  await using net = await namespaces("rogue");
  await addBridge(net.rogue, "br0", `${ROGUE}/24`);
  await joinByVeth(
    { namespace: node.namespace, link: "rogue0", bridge: node.bridge },
    { namespace: net.rogue, link: "eth0", bridge: "br0" },
  );
  const script = join(import.meta.dirname, "../system/dhcp-node.ts");
  await using server = net.rogue.spawn([process.execPath, script, "br0", "10.202.9.0/24"]);
  await waitFor(() => server.stdout().includes("ready"), { what: `the server ${server.stderr()}` });
  // A broker asks when it starts, and every five minutes.
  await node.broker.kill();
  await node.broker.start();
  const [found] = await waitFor(
    async () => {
      const { rogueServers = [] } = await node.status();
      return rogueServers.length > 0 && rogueServers;
    },
    { what: "the other server" },
  );
  expect(found).toMatchObject({ server: ROGUE, port: "rogue0" });
  expect((await node.status()).warnings.join("\n")).toContain(`another DHCP server answers`);
  expect(node.broker.logs()).toContain('"event":"dhcp.rogue"');
  const { body } = await node.broker.ask("GET", "/metrics");
  expect(String(body)).toContain("cocoon_net_dhcp_rogue_servers 1");
  const doctor = await node.tryCocoonNet("doctor");
  expect(doctor.stdout).toMatch(/warning +other dhcp servers: .*10\.202\.9\.1/);
  // It is left alone.
  expect(server.exit()).toBeUndefined();
});

test("an answer to nobody is heard too, ours is not taken for another's", async () => {
  await using node = await start();
  const guest = await node.plugGuest("guest", MAC);
  const liar = await node.plugGuest("liar", LIAR);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  await client.address();
  expect((await node.status()).rogueServers).toEqual([]);
  await using station = await openStation(liar.namespace, "eth0");
  const offer = encodeReply(
    {
      type: "offer",
      xid: 7,
      flags: 0,
      giaddr: ip("0.0.0.0"),
      chaddr: new Uint8Array(16),
      fields: [fieldOf(options.serverIdentifier, ip("10.202.9.9"))],
      yiaddr: ip("10.202.9.50"),
    },
    576,
  );
  await station.send(
    udp({
      to: BROADCAST_MAC,
      from: LIAR,
      source: ip("10.202.9.8"),
      destination: ip("255.255.255.255"),
      ports: [67, 68],
      payload: offer ?? new Uint8Array(0),
    }),
  );
  await waitFor(async () => ((await node.status()).rogueServers ?? []).length === 1, {
    what: "the server that answered nobody",
  });
  expect((await node.status()).rogueServers).toEqual([
    { mac: LIAR, server: "10.202.9.9", port: "guest2" },
  ]);
});
