// GKE's guest agent on the node: switched off by its own file, and harmless where it goes on all the same.
import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { waitFor } from "#test/netns/wait-for.ts";
import { openGkeWorld } from "./gke-world.ts";
import { plugGuest, serve } from "./serving.ts";

const CONFIG = "default/instance_configs.cfg";
const BEFORE = "[InstanceSetup]\nset_host_keys = true\n";
const ROUNDS = 3;

test("guests answer though the agent puts its local route back every second; its file is as it was in the end", async () => {
  await using world = await openGkeWorld();
  const { node } = world;
  await writeFile(node.etc("systemd/system/google-guest-agent.service"), "[Unit]\n");
  await writeFile(node.etc(CONFIG), BEFORE);
  // Any rule of another program makes the kernel ask the local table first, whatever is longer in the main one.
  await node.namespace.exec("ip rule add pref 9000 to 203.0.113.0/24 lookup main".split(" "));
  await node.cocoonNet(...world.init);
  expect(await readFile(node.etc(CONFIG), "utf8")).toBe(
    `${BEFORE}[IpForwarding]\nip_aliases = false\n`,
  );
  await using broker = await serve(world);
  await using guest = await plugGuest(world, 1);
  const put = `ip route replace to local ${world.subnet} scope host dev eth0 proto 66`;
  const agent = node.namespace.spawn(["sh", "-c", `while ${put} && echo put; do sleep 1; done`]);
  const puts = () => agent.stdout().split("put").length - 1;
  for (let round = 0; round < ROUNDS; round++) {
    const before = puts();
    await waitFor(() => puts() > before, { what: "the agent to put its route back" });
    // Some meet the route, which stands for a moment each second: then the host takes the answer for itself. Questions
    // for the gateway's MAC go out a second apart too, so that on a busy machine a whole series may meet it.
    const ping = ["ping", "-c", "8", "-i", "0.3", "-W", "2", world.host];
    await waitFor(async () => (await guest.namespace.attempt(ping)).code === 0, {
      what: "the guest's pings to be answered",
    });
  }
  await agent.stop();
  const routes = "ip route show table local proto 66";
  await waitFor(async () => (await node.namespace.exec(routes.split(" "))) === "", {
    what: "the agent's last route to go",
  });
  expect(await node.cocoonNet("status")).toMatch(/warning: the guest agent keeps putting back/);
  expect(await broker.stop()).toBe(0);
  // With nobody to take it away the same route swallows every answer: what was shown above is the broker's doing.
  await node.namespace.exec(put.split(" "));
  const answered = await guest.namespace.attempt(["ping", "-c", "2", "-W", "1", world.host]);
  expect(answered.code, answered.stdout).toBe(1);
  await node.namespace.exec(put.replace("replace", "del").split(" "));
  await node.cocoonNet("teardown");
  expect(await readFile(node.etc(CONFIG), "utf8")).toBe(BEFORE);
  expect(await world.leftovers()).toEqual([]);
});
