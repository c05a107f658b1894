// dnsmasq as a DHCP contestant: one thread that writes its whole lease file anew after each change.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { addBridge, namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import {
  type DhcpContestant,
  type DhcpServer,
  PREFIX_LENGTH,
  plugIn,
  socketDrops,
} from "./dhcp-servers.ts";
import { BRIDGE, GATEWAY } from "./node.ts";

const DNSMASQ = "dnsmasq";
/** More than any trial's guests: nobody is refused. */
const MOST_LEASES = 150_000;
const RANGE = "10.90.0.2,10.91.255.254,255.254.0.0,24h";

export const dnsmasq: DhcpContestant = { name: "dnsmasq", start: startDnsmasq };

async function startDnsmasq(): Promise<DhcpServer> {
  await using undo = new AsyncDisposableStack();
  const { path: folder } = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node", "guests"));
  await addBridge(net.node, BRIDGE, `${GATEWAY}/${PREFIX_LENGTH}`);
  await plugIn(net.node, net.guests);
  const settings = [
    "port=0",
    "keep-in-foreground",
    "user=root",
    "log-facility=-",
    "quiet-dhcp",
    `pid-file=${join(folder, "pid")}`,
    `interface=${BRIDGE}`,
    "bind-interfaces",
    "dhcp-authoritative",
    // It asks by ICMP whether an address is in use before it offers it, and waits: the others do not.
    "no-ping",
    `dhcp-range=${RANGE}`,
    `dhcp-lease-max=${MOST_LEASES}`,
    `dhcp-leasefile=${join(folder, "leases")}`,
  ];
  const conf = join(folder, "dnsmasq.conf");
  await writeFile(conf, `${settings.join("\n")}\n`);
  const server = undo.use(net.node.spawn([DNSMASQ, `--conf-file=${conf}`]));
  const listens = async (): Promise<boolean> => {
    if (server.exit() !== undefined) throw new Error(`dnsmasq ended:\n${server.stderr()}`);
    return (await net.node.exec(["ss", "-H", "-u", "-n", "-a", "sport = :67"])).trim() !== "";
  };
  await waitFor(listens, { what: "dnsmasq's socket" });
  const kept = undo.move();
  return {
    pid: server.pid,
    node: net.node,
    guests: net.guests,
    counters: () => socketDrops(net.node),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
