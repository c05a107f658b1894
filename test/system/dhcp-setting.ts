// A node with a bridge and a DHCP server, and a guest on a veth port of it, each in a namespace of its own.

import { chmod, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import {
  addBridge,
  joinByVeth,
  namespaces,
  type NetworkNamespace,
} from "#test/netns/namespaces.ts";
import type { Running } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";

export const GUEST_MAC = "02:00:00:00:00:05";
const NODE = resolve(import.meta.dirname, "../../node_modules/.bin/node");
const script = (name: string) => join(import.meta.dirname, name);

/** What a client calls when its state changes: sets the address, prints the state. Nothing of the machine is touched. */
const CLIENT_SCRIPT = `#!/bin/sh
address=\${new_ip_address:-$ip}
state=\${reason:-$1}
case $state in
  bound|BOUND|REBOOT|renew|RENEW) ip addr replace "$address/24" dev "$interface" ;;
esac
echo "script: $state $address"
`;

export interface DhcpSetting extends AsyncDisposable {
  readonly node: NetworkNamespace;
  readonly guest: NetworkNamespace;
  readonly folder: string;
  /** The clients' script. */
  readonly script: string;
  readonly server: DhcpNode;
}
export interface DhcpNode {
  readonly process: Running;
  /** Gives what the server's process answers to the command. */
  ask(command: string): Promise<unknown>;
}

export async function dhcpSetting(relay: "relay" | "direct" = "direct"): Promise<DhcpSetting> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node", "guest"));
  await addBridge(net.node, "cni0", "10.92.0.1/24");
  await plug(net);
  const hook = join(folder.path, "client-script");
  await writeFile(hook, CLIENT_SCRIPT);
  await chmod(hook, 0o755);
  const server = await startServer(net.node, "cni0", relay);
  undo.use(server.process);
  const owned = undo.move();
  return {
    node: net.node,
    guest: net.guest,
    folder: folder.path,
    script: hook,
    server,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Joins the guest to the bridge, with port isolation as on a node that asks for it. */
export async function plug({
  node,
  guest,
}: {
  node: NetworkNamespace;
  guest: NetworkNamespace;
}): Promise<void> {
  await joinByVeth(
    { namespace: node, link: "guest0", bridge: "cni0" },
    { namespace: guest, link: "eth0", mac: GUEST_MAC },
  );
  await node.exec(["ip", "link", "set", "guest0", "type", "bridge_slave", "isolated", "on"]);
}

/** Starts a server; rejects with what it said when it does not get ready. */
export async function startServer(
  node: NetworkNamespace,
  bridge: string,
  relay: "relay" | "direct" = "direct",
): Promise<DhcpNode> {
  const process = node.spawn([NODE, script("dhcp-node.ts"), bridge, "10.92.0.0/24", relay]);
  await waitFor(() => process.stdout().includes("ready") || process.exit() !== undefined, {
    what: "the DHCP server",
  });
  if (process.exit() !== undefined) throw new Error(`the server ended: ${process.stderr()}`);
  return {
    process,
    async ask(command) {
      const before = process.stdout().length;
      process.write(`${command}\n`);
      const answer = await waitFor(
        () =>
          process
            .stdout()
            .slice(before)
            .split("\n")
            .find((line) => line.startsWith(`{"${command}"`)) ?? false,
        { what: `the answer to ${command}: ${process.stderr()}` },
      );
      const parsed: unknown = JSON.parse(answer);
      return typeof parsed === "object" && parsed !== null ? Object.values(parsed)[0] : undefined;
    },
  };
}

/** Sends a raw packet from the guest's link. */
export async function sendRaw(guest: NetworkNamespace, message: Uint8Array): Promise<void> {
  await guest.exec([NODE, script("dhcp-send.ts"), "eth0", Buffer.from(message).toString("hex")]);
}

/** Sends a message to the server's port as a program with an address does, in as many fragments as it takes. */
export async function sendDatagram(
  guest: NetworkNamespace,
  server: string,
  message: Uint8Array,
): Promise<void> {
  // As input, because one argument may have 128 KiB.
  const input = Buffer.from(message).toString("hex");
  await guest.exec([NODE, script("dhcp-datagram.ts"), server], { input });
}

/** What the relay at `own` gets back, in hexadecimal. */
export async function throughRelay(
  relay: NetworkNamespace,
  own: string,
  message: Uint8Array,
): Promise<string> {
  const hex = Buffer.from(message).toString("hex");
  return (await relay.exec([NODE, script("dhcp-relay.ts"), own, "10.92.0.1", hex])).trim();
}

/** Captures what arrives at the guest from port 67, checksums checked. */
export async function captureReplies(guest: NetworkNamespace): Promise<Running> {
  const filter = ["udp", "src", "port", "67"];
  const capture = guest.spawn(["tcpdump", "-l", "-n", "-e", "-vv", "-i", "eth0", ...filter]);
  await waitFor(() => capture.stderr().includes("listening on"), { what: "tcpdump" });
  return capture;
}
