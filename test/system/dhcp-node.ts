// A DHCP server in its own process, for a network namespace: the real socket over the engine's ledger, told what to do line by line.

import { createInterface } from "node:readline";
import { argv, stdin, stdout } from "node:process";
import { ip } from "#core/address.ts";
import { openDhcpSocket } from "#broker/linux/dhcp-socket.ts";
import { startEngine } from "#test/dhcp/engine.ts";

const [, , bridge = "cni0", subnet = "10.92.0.0/24", relay = "direct"] = argv;
const allowRelay = relay === "relay";
await using socket = await openDhcpSocket({
  bridge,
  address: ip(subnet.replace(/\d+\/\d+$/, "1")),
  allowRelay,
  trouble: (error) => say({ trouble: error.message }),
});
await using engine = await startEngine({ subnet, socket, settings: { allowRelay } });
const commands: Readonly<Record<string, () => unknown>> = {
  reopen: () => socket.reopen(),
  link: () => socket.link ?? "none",
  counters: () => ({
    ...engine.counters,
    dropped: Object.fromEntries(engine.counters.dropped),
    socket: socket.counters(),
  }),
  leases: () =>
    [...engine.ledger.leases()].map(
      ({ ip: at, state, mac }) => `${at} ${state} ${mac ?? "nobody"}`,
    ),
};
say({ ready: true });
for await (const line of createInterface(stdin)) {
  // From here on nothing may keep the process alive.
  if (line === "end") break;
  try {
    say({ [line]: (await commands[line]?.()) ?? "done" });
  } catch (thrown) {
    say({ [line]: thrown instanceof Error ? thrown.message : String(thrown) });
  }
}
stdin.destroy();

function say(what: unknown): void {
  stdout.write(`${JSON.stringify(what)}\n`);
}
