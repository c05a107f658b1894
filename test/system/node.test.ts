// Node set-up on a real kernel: made, made twice, repaired, and taken away without a trace.

import { describe, expect, it } from "vitest";
import { ip } from "#core/address.ts";
import { applyNode, planNode } from "#broker/node/apply.ts";
import { teardownNode } from "#broker/node/teardown.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";
import { network, openNode, openNodeHere, rulesOf, snapshot } from "./node-fixture.ts";

/** Drift is repaired within 15 s (spec section 3); the limit leaves room for a busy machine. */
const REPAIR = { limit: 30_000, what: "the repair" };

describe("set-up", () => {
  it("makes bridge, address, settings and rules; a second time it changes nothing", async () => {
    await using node = openNode();
    const plan = await planNode(network, node.ports);
    const first = await applyNode(network, node.ports);
    expect(first.problems).toEqual([]);
    expect(first.changed).toEqual(plan);
    expect(first.changed[0]).toBe("make the bridge cni0 (mtu 1460, mac 02:cc:0a:09:00:01)");
    expect(run("ip address show cni0")).toContain("inet 10.9.0.1/24 brd 10.9.0.255");
    expect(run("ip link show cni0")).toContain("mtu 1460");
    expect(run("sysctl -n net.ipv4.ip_forward").trim()).toBe("1");
    expect(run("sysctl -n net.ipv4.conf.cni0.rp_filter").trim()).toBe("0");
    const before = snapshot();
    expect((await applyNode(network, node.ports)).changed).toEqual([]);
    expect(snapshot()).toEqual(before);
  });

  it("serves an IPv6 subnet too", async () => {
    await using node = openNode();
    const six = {
      ...network,
      gateway: ip("fd00:9::1"),
      subnet: { family: 6, base: 0xfd00_0009n << 96n, length: 64 } as const,
    };
    expect((await applyNode(six, node.ports)).problems).toEqual([]);
    expect(run("ip address show cni0")).toContain("inet6 fd00:9::1/64 scope global nodad");
    expect((await applyNode(six, node.ports)).changed).toEqual([]);
  });

  it("goes on after what cannot be, and names it", async () => {
    await using node = openNode();
    const { problems } = await applyNode({ ...network, secondaryNics: ["eth7"] }, node.ports);
    expect(problems.map((problem) => problem.item)).toEqual([
      "sysctl net.ipv4.conf.eth7.rp_filter",
    ]);
    expect(run("sysctl -n net.ipv4.ip_forward").trim()).toBe("1");
  });
});

describe("an existing bridge", () => {
  it("of someone else stays byte for byte as it was", async () => {
    await using node = openNode();
    run("ip link add cni0 type bridge");
    run("ip address add 10.244.0.1/24 dev cni0");
    run("ip link add vethflannel type veth peer name inside");
    run("ip link set vethflannel master cni0");
    const before = snapshot();
    await expect(applyNode(network, node.ports)).rejects.toMatchObject({
      code: "foreign-bridge",
      message:
        "the bridge cni0 belongs to someone else: addresses 10.244.0.1/24; ports vethflannel",
      hint: expect.stringContaining("--bridge"),
    });
    expect(snapshot()).toEqual(before);
  });

  it("of the Go version is taken over, keeps its ports, and is not deleted at the end", async () => {
    await using node = openNode();
    run("sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
    run("ip link add vethguest type veth peer name inside");
    run("ip link add cni0 type bridge");
    run("ip address add 10.9.0.1/24 dev cni0");
    for (const link of ["inside", "vethguest", "cni0"]) run(`ip link set ${link} up`);
    run("ip link set vethguest master cni0");
    await waitFor(() => run("ip link show cni0").includes("state UP"), REPAIR);
    const before = snapshot();
    expect((await applyNode(network, node.ports)).problems).toEqual([]);
    expect(run("ip link show cni0")).toContain("mtu 1460");
    expect(run("ip -o link show master cni0")).toContain("vethguest");
    await teardownNode(network, node.ports, node.routes);
    expect(snapshot()).toEqual(before);
  });

  it("that was taken over is still ours when its address was removed by hand", async () => {
    await using node = openNode();
    run("ip link add cni0 type bridge");
    run("ip address add 10.9.0.1/24 dev cni0");
    run("ip link add vethguest type veth peer name inside");
    run("ip link set vethguest master cni0");
    await applyNode(network, node.ports);
    run("ip address flush dev cni0");
    expect((await applyNode(network, node.ports)).changed).toEqual(["add 10.9.0.1/24 to cni0"]);
  });
});

describe("drift", () => {
  it("a bridge deleted while running is made again, and routes work on it", async () => {
    await using node = openNode();
    await node.keep().apply();
    run("ip link delete cni0");
    await waitFor(() => run("ip -o -4 address").includes("cni0"), REPAIR);
    await waitFor(() => run("ip link show cni0").includes(",UP"), REPAIR);
    expect(await node.routes.apply([{ op: "add", ip: ip("10.9.0.5") }])).toEqual([undefined]);
  });

  it("a sysctl changed by hand is set again", async () => {
    await using node = openNode();
    await node.keep().apply();
    run("sysctl -qw net.ipv4.ip_forward=0");
    await waitFor(() => run("sysctl -n net.ipv4.ip_forward").trim() === "1", REPAIR);
  });

  it.each(["nft", "legacy"] as const)(
    "iptables flushed by hand come back (%s)",
    async (backend) => {
      enterFreshNamespace();
      run("ip link add uplink type veth peer name outside");
      run(`iptables-${backend} -A FORWARD -s 203.0.113.9/32 -j DROP`);
      await using node = openNodeHere();
      await node.keep().apply();
      const other = backend === "nft" ? "legacy" : "nft";
      expect(rulesOf(other)).not.toContain("COCOON-NET");
      const whole = rulesOf(backend);
      expect(whole).toContain(
        "-A FORWARD -j COCOON-NET-FORWARD\n-A FORWARD -s 203.0.113.9/32 -j DROP",
      );
      run(`iptables-${backend} -F COCOON-NET-FORWARD`);
      run(`iptables-${backend} -t nat -F POSTROUTING`);
      await waitFor(() => rulesOf(backend) === whole, REPAIR);
    },
  );
});

describe("teardown", () => {
  it.each(["nft", "legacy"] as const)(
    "leaves links, routes, rules and sysctls as they were (%s)",
    async (backend) => {
      await using node = openNode();
      run(`iptables-${backend} -A FORWARD -s 203.0.113.9/32 -j DROP`);
      run(`iptables-${backend} -t nat -A POSTROUTING -s 203.0.113.9/32 -j ACCEPT`);
      const before = snapshot();
      await applyNode(network, node.ports);
      await node.routes.apply([{ op: "add", ip: ip("10.9.0.5") }]);
      expect((await teardownNode(network, node.ports, node.routes)).problems).toEqual([]);
      expect(snapshot()).toEqual(before);
      expect((await teardownNode(network, node.ports, node.routes)).removed).toEqual([]);
    },
  );

  it("leaves no trace where nobody had used iptables before", async () => {
    await using node = openNode();
    const before = snapshot();
    await applyNode(network, node.ports);
    expect(run("nft list ruleset")).toContain("COCOON-NET-FORWARD");
    await teardownNode(network, node.ports, node.routes);
    expect(snapshot()).toEqual(before);
  });

  it("keeps a bridge that has a port, and takes our address from it", async () => {
    await using node = openNode();
    await applyNode(network, node.ports);
    run("ip link add vethpod type veth peer name inside");
    run("ip link set vethpod master cni0");
    await teardownNode(network, node.ports, node.routes);
    expect(run("ip -o link show master cni0")).toContain("vethpod");
    expect(run("ip -4 address show cni0")).toBe("");
  });
});
