// The harness itself: what it makes is real, joined, and gone afterwards.
import { describe, expect, test } from "vitest";
import { addBridge, joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { run } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";

describe("network namespaces of a test", () => {
  test("joins two by a bridge, so that one reaches the other", async () => {
    await using net = await namespaces("node", "guest");
    await addBridge(net.node, "cni0", "10.91.0.1/24");
    await joinByVeth(
      { namespace: net.node, link: "guest0", bridge: "cni0" },
      { namespace: net.guest, link: "eth0", mac: "02:00:00:00:00:05" },
    );
    await net.guest.exec(["ip", "addr", "add", "10.91.0.2/24", "dev", "eth0"]);
    await net.guest.exec(["ping", "-c", "1", "-W", "5", "10.91.0.1"]);
    expect(await net.node.addresses("cni0")).toEqual(["10.91.0.1/24"]);
    expect(await net.guest.exec(["ip", "-o", "link", "show", "eth0"])).toContain(
      "02:00:00:00:00:05",
    );
  });

  test("removes namespaces and ends what runs in them", async () => {
    const net = await namespaces("node");
    const sleeper = net.node.spawn(["sleep", "1000"]);
    await waitFor(async () => (await run(["ip", "netns", "pids", net.node.name])) !== "", {
      what: "the sleeper",
    });
    await net[Symbol.asyncDispose]();
    expect((await sleeper.exited).signal).toBe("SIGKILL");
    expect(await run(["ip", "netns", "list"])).not.toContain(net.node.name);
  });

  test("tells all that a failed command said", async () => {
    await using net = await namespaces("node");
    const failing = net.node.exec(["sh", "-c", "echo said; echo complained >&2; exit 3"]);
    await expect(failing).rejects.toThrow(/exit code 3\nsaid\ncomplained/);
  });

  test("gives up a wait at its limit, naming what did not come", async () => {
    await expect(waitFor(() => false, { limit: 50, what: "rain" })).rejects.toThrow(
      "waited 50 ms in vain for rain",
    );
  });
});
