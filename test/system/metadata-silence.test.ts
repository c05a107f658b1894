// Asking for a metadata server where nothing answers ends with the question: no connection is left that keeps the command alive.
import { join } from "node:path";
import { expect, test } from "vitest";
import { namespaces } from "#test/netns/namespaces.ts";

test("a network that swallows packets holds nobody up", async () => {
  await using net = await namespaces("silent");
  for (const command of [
    "ip link add swallow type veth peer name far",
    "ip addr add 10.204.250.1/24 dev swallow",
    "ip link set swallow up",
    "ip link set far up",
    // The far end takes the packets, which are for another MAC than its own, and answers nothing.
    "ip neigh replace 10.204.250.2 lladdr 02:00:00:00:00:02 dev swallow nud permanent",
    "ip route add default via 10.204.250.2",
  ])
    await net.silent.exec(command.split(" "));
  const script = join(import.meta.dirname, "metadata-silence.ts");
  const output = await net.silent.exec([process.execPath, script]);
  expect(JSON.parse(output)).toEqual({ found: [], open: [] });
});
