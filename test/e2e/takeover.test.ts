// What the broker makes of a machine that others have been at: foreign bridges and rules stay, the Go version's bridge is used.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { COCOON_NET, nodeEnvironment } from "#test/netns/broker.ts";
import {
  addBridge,
  joinByVeth,
  namespaces,
  type NetworkNamespace,
} from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { ROUTER_IP } from "#test/netns/local-node.ts";
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { adoptedNode, GATEWAY, MTU, ping, startNode } from "#test/e2e/node.ts";
import { addPod, addressOf } from "#test/e2e/runtime.ts";

const MAC = "02:00:5e:10:00:08";

/** Everything of the namespace's network that the broker could touch, without counters and timers. */
async function snapshot(namespace: NetworkNamespace): Promise<Record<string, string>> {
  const said: Record<string, string> = {};
  for (const command of [
    "ip -d link",
    "ip -4 address",
    "ip -4 route show table all",
    "ip neigh",
    "ip rule",
    "iptables-save",
    "sysctl -a -r ^net\\.ipv4\\.(ip_forward|conf\\..*\\.rp_filter|neigh\\.default\\.gc_thresh)",
  ]) {
    const text = await namespace.exec(command.split(" "));
    said[command] = text
      .split("\n")
      .filter((line) => !line.startsWith("#"))
      .map((line) => line.replaceAll(/ \[\d+:\d+\]|_timer +[\d.]+|valid_lft.*/g, ""))
      .join("\n");
  }
  return said;
}

describe("a bridge named cni0 that is another's", () => {
  test("stays byte for byte as it was; the broker does not start, and says why and what to do", async () => {
    await using net = await namespaces("pod");
    await using adopted = await adoptedNode({
      async prepare(namespace) {
        await addBridge(namespace, "cni0", "10.244.0.1/24");
        const port = { namespace, link: "vethflannel", bridge: "cni0" };
        await joinByVeth(port, { namespace: net.pod, link: "eth0" });
        const state = (): Promise<string> => namespace.exec(["ip", "link", "show", "cni0"]);
        await waitFor(async () => (await state()).includes("state UP"), { what: "cni0's port" });
      },
    });
    const { node } = adopted;
    const before = await snapshot(node.namespace);
    const env = nodeEnvironment(node);
    const started = await node.namespace.attempt([COCOON_NET, "daemon", "--metrics-addr", ""], {
      env,
    });
    expect(started.code).toBeGreaterThan(0);
    for (const named of ["cni0", "10.244.0.1/24", "vethflannel", "--bridge"]) {
      expect(started.stderr).toContain(named);
    }
    expect(await snapshot(node.namespace)).toEqual(before);
    expect(await readdir(node.paths.conflists)).not.toContain("29-cocoon-net.conflist");
  });

  test("is no obstacle when ours has another name", async () => {
    await using node = await startNode({
      bridge: "cocoon0",
      prepare: (namespace) => addBridge(namespace, "cni0", "10.244.0.1/24"),
    });
    const guest = await node.plugGuest("guest", MAC);
    await using client = await bindGuest("udhcpc", guest, node.folder);
    await node.namespace.exec(ping(await client.address()));
    expect(await node.namespace.addresses("cni0")).toEqual(["10.244.0.1/24"]);
    expect(await node.namespace.addresses("cocoon0")).toEqual([`${GATEWAY}/24`]);
  });
});

test("a cni0 as the Go version makes it is used with its ports, and outlives teardown", async () => {
  await using net = await namespaces("guest");
  await using node = await startNode({
    async prepare(namespace) {
      await addBridge(namespace, "cni0", `${GATEWAY}/24`);
      const port = { namespace, link: "vethguest", bridge: "cni0" };
      await joinByVeth(port, { namespace: net.guest, link: "eth0", mac: MAC });
    },
  });
  const ports = (): Promise<string> =>
    node.namespace.exec(["ip", "-o", "link", "show", "master", "cni0"]);
  expect(await ports()).toContain("vethguest");
  await using client = await bindGuest("udhcpc", { namespace: net.guest, mac: MAC }, node.folder);
  await node.namespace.exec(ping(await client.address()));
  expect(await node.broker.stop()).toBe(0);
  await node.cocoonNet("teardown");
  expect(await ports()).toContain("vethguest");
  expect(await node.namespace.addresses("cni0")).toEqual([`${GATEWAY}/24`]);
});

describe("iptables", () => {
  test("are left alone with --skip-iptables, whatever was said at adopt", async () => {
    await using node = await startNode({
      adopt: ["--manage-iptables"],
      daemon: ["--skip-iptables"],
    });
    expect(await node.namespace.exec(["iptables-save"])).not.toContain("COCOON");
    await using net = await namespaces("pod");
    const ip = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
    await node.namespace.exec(ping(ip));
  });

  test("are left alone on an adopted node that did not ask for them", async () => {
    await using node = await startNode();
    expect(await node.namespace.exec(["iptables-save"])).not.toContain("COCOON");
  });

  test("with a FORWARD policy of DROP pods reach one another and, masqueraded, the world", async () => {
    await using node = await startNode({
      adopt: ["--manage-iptables"],
      prepare: async (namespace) =>
        void (await namespace.exec(["iptables", "-P", "FORWARD", "DROP"])),
    });
    await using net = await namespaces("one", "two");
    const one = addressOf(await addPod(node, { id: "one", namespace: net.one }));
    await addPod(node, { id: "two", namespace: net.two });
    await net.two.exec(ping(one));
    // The router knows no way back to the pod but by the node's own address.
    await net.two.exec(ping(ROUTER_IP));
    expect(await node.namespace.exec(["iptables", "-S", "FORWARD"])).toMatch(
      /^-P FORWARD DROP\n-A FORWARD -j COCOON-NET-FORWARD\n/,
    );
  });

  test("teardown takes our chains away and nothing of another's", async () => {
    const foreign = ["iptables", "-A", "FORWARD", "-p", "tcp", "--dport", "7", "-j", "ACCEPT"];
    await using node = await startNode({
      adopt: ["--manage-iptables"],
      prepare: async (namespace) => void (await namespace.exec(foreign)),
    });
    expect(await node.namespace.exec(["iptables-save"])).toContain("COCOON");
    await node.broker.stop();
    await node.cocoonNet("teardown");
    const left = await node.namespace.exec(["iptables-save"]);
    expect(left).not.toContain("COCOON");
    expect(left).toContain("--dport 7");
    expect((await node.namespace.attempt(["ip", "link", "show", "cni0"])).code).not.toBe(0);
    expect(await readdir(node.paths.conflists)).toEqual([]);
  });
});

test("a conflist that was changed by hand is written again; another network's stays", async () => {
  await using node = await startNode({ bridge: "cocoon0" });
  const foreign = join(node.paths.conflists, "50-other.conflist");
  const text = JSON.stringify({ cniVersion: "1.0.0", name: "other", plugins: [{ type: "ptp" }] });
  await writeFile(foreign, text);
  await node.broker.stop();
  const own = join(node.paths.conflists, "29-cocoon-net.conflist");
  const before = await readFile(own, "utf8");
  expect(before).toContain(`"mtu": ${MTU}`);
  await writeFile(own, before.replace(String(MTU), "9000"));
  await node.broker.start();
  await waitFor(async () => (await readFile(own, "utf8")) === before, { what: "our conflist" });
  expect(await readFile(foreign, "utf8")).toBe(text);
});
