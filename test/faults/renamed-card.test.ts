// A network card that is renamed while the broker runs is known by its MAC: it is set up under its new name.

import { expect, it } from "vitest";
import { waitFor } from "#test/netns/wait-for.ts";
import { makeFaultNode, poolFile } from "./fault-node.ts";

const MAC = "02:68:00:00:01:01";
const ATTACHMENT = { eniID: "eni-1", mac: MAC, nic: "card0", gateway: "10.144.7.1", ips: [] };
const REPAIR_LIMIT_MS = 30_000;

it("is set up under its new name, without a restart", async () => {
  await using node = await makeFaultNode({
    pool: {
      ...poolFile(),
      secondaryNICs: ["card0"],
      provisioning: {
        version: 1,
        state: "complete",
        generation: "one",
        node: { instance: "i-1" },
        attachments: [ATTACHMENT],
      },
    },
    before: async (_paths, _undo, namespace) => {
      await namespace.exec(
        `ip link add card0 address ${MAC} type veth peer name cloud0`.split(" "),
      );
    },
  });
  const flagsOf = (name: string) => node.node.exec(["ip", "-o", "link", "show", name]);
  expect(await flagsOf("card0")).toMatch(/[<,]UP[,>]/);
  const input = "link set card0 down\nlink set card0 name card7\n";
  await node.node.exec(["ip", "-batch", "-"], { input });
  await waitFor(async () => /[<,]UP[,>]/.test(await flagsOf("card7")), {
    limit: REPAIR_LIMIT_MS,
    what: "card7 to be set up",
  });
  expect(node.broker.ended()).toBeUndefined();
});
