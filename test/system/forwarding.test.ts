// Packets really pass: a guest reaches the outside through a host whose FORWARD policy is DROP, with bridged traffic filtered.

import { execFileSync } from "node:child_process";
import { expect, it } from "vitest";
import { applyNode } from "#broker/node/apply.ts";
import { run } from "./fresh-namespace.ts";
import { network, openNode } from "./node-fixture.ts";

/** The same process, another namespace: each peer is a namespace of its own, named after this process. */
function peer(
  name: string,
  link: string,
  address: string,
  gateway: string,
): Disposable & { pings(to: string): boolean } {
  const namespace = `cnfw${process.pid}${name}`;
  run(`ip netns add ${namespace}`);
  run(`ip link set ${link} netns ${namespace}`);
  const inside = (line: string) => run(`ip -n ${namespace} ${line}`);
  inside(`address add ${address}/24 dev ${link}`);
  inside(`link set ${link} up`);
  if (gateway !== "") inside(`route add default via ${gateway}`);
  return {
    pings(to) {
      try {
        execFileSync("ip", ["netns", "exec", namespace, "ping", "-c", "1", "-W", "2", to], {
          stdio: "ignore",
        });
        return true;
      } catch {
        return false;
      }
    },
    [Symbol.dispose]: () => void run(`ip netns delete ${namespace}`),
  };
}

function addGuest(name: string, address: string): ReturnType<typeof peer> {
  run(`ip link add port${name} type veth peer name eth${name}`);
  run(`ip link set port${name} master cni0`);
  run(`ip link set port${name} up`);
  return peer(name, `eth${name}`, address, "10.9.0.1");
}

it("guests reach one another and the outside, which does not know their subnet; dropped ranges stay out of reach", async () => {
  await using node = openNode();
  run("iptables -P FORWARD DROP");
  run("sysctl -qw net.bridge.bridge-nf-call-iptables=1");
  run("ip address add 203.0.113.1/24 dev uplink");
  await applyNode(network, node.ports);
  using outside = peer("o", "outside", "203.0.113.2", "");
  run(`ip -n cnfw${process.pid}o address add 192.0.2.1/32 dev outside`);
  run("ip route add 192.0.2.1/32 dev uplink");
  using one = addGuest("a", "10.9.0.5");
  using two = addGuest("b", "10.9.0.6");
  expect(one.pings("10.9.0.6")).toBe(true);
  expect(two.pings("203.0.113.2")).toBe(true);
  expect(one.pings("192.0.2.1")).toBe(false);
  expect(outside.pings("203.0.113.1")).toBe(true);
  run("iptables -D FORWARD -j COCOON-NET-FORWARD");
  expect(two.pings("203.0.113.2")).toBe(false);
});
