// Guests against the whole broker: three real DHCP clients, what they get on the wire, and a virtual machine.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { namespaces } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { captureReplies } from "#test/system/dhcp-setting.ts";
import { bootGuest } from "#test/vm/guest.ts";
import { bindGuest, CLIENT_NAMES } from "#test/e2e/dhcp-clients.ts";
import { GATEWAY, GUEST_CONFLIST, MTU, ping, pingWhole } from "#test/e2e/node.ts";
import { startNode, waitForState } from "#test/e2e/node.ts";
import { addPod, addressOf, callNetwork } from "#test/e2e/runtime.ts";

const MAC = "02:00:5e:10:00:05";
const OTHER_MAC = "02:00:5e:10:00:06";

describe.each(CLIENT_NAMES)("%s", (name) => {
  test("binds, renews, releases, and gets the same address again", async () => {
    await using node = await startNode();
    const guest = await node.plugGuest("guest", MAC);
    await using client = await bindGuest(name, guest, node.folder);
    const ip = await client.address();
    expect(await node.lease(ip)).toMatchObject({ state: "leased", routed: true, mac: MAC });
    expect(await node.routeOf(ip)).toContain("dev cni0");
    await node.namespace.exec(pingWhole(ip, MTU));
    expect(await guest.namespace.exec(["ip", "route"])).toContain(`default via ${GATEWAY}`);

    const { until = 0 } = (await node.lease(ip)) ?? {};
    await client.renew();
    await waitFor(async () => ((await node.lease(ip))?.until ?? 0) > until, {
      what: `a later end of the lease of ${ip}`,
    });
    await client.release();
    await waitForState(node, ip, "cooling");
    // Nobody is answered on a RELEASE, so its route may go a moment later.
    await waitFor(async () => (await node.routeOf(ip)) === "", { what: `no route of ${ip}` });
    await using again = await bindGuest(name, guest, join(node.folder, "again"));
    expect(await again.address()).toBe(ip);
  });

  test("keeps its address when broker and client are killed and started again", async () => {
    await using node = await startNode();
    const guest = await node.plugGuest("guest", MAC);
    const first = await bindGuest(name, guest, node.folder);
    const ip = await first.address();
    await first[Symbol.asyncDispose]();
    await node.broker.kill();
    await node.broker.start();
    expect(await node.lease(ip)).toMatchObject({ state: "leased", routed: true });
    await using second = await bindGuest(name, guest, node.folder);
    expect(await second.address()).toBe(ip);
    await node.namespace.exec(ping(ip));
  });
});

test("a guest that asks for another subnet's address is refused and binds afresh", async () => {
  await using node = await startNode();
  const guest = await node.plugGuest("guest", MAC);
  const remembered = `lease {
  interface "eth0";
  fixed-address 172.16.5.5;
  option subnet-mask 255.255.255.0;
  option dhcp-server-identifier 172.16.5.1;
  renew never; rebind never; expire never;
}
`;
  const folder = join(node.folder, `client-${MAC.replaceAll(":", "")}`);
  await mkdir(folder);
  await writeFile(join(folder, "leases"), remembered);
  await using client = await bindGuest("dhclient", guest, node.folder);
  expect(await client.address()).toMatch(/^10\.94\.0\./);
  expect(client.said()).toMatch(/DHCPNAK.* from 10\.94\.0\.1/);
});

test("a guest plugged in through the guests' conflist has no address until it asks by DHCP", async () => {
  await using node = await startNode();
  await using net = await namespaces("sandbox");
  const pod = { id: "machine", namespace: net.sandbox, conflist: GUEST_CONFLIST } as const;
  const { interfaces } = await addPod(node, pod);
  const mac = interfaces.find((one) => one.sandbox !== undefined && one.sandbox !== "")?.mac ?? "";
  expect(await net.sandbox.addresses("eth0")).toEqual([]);
  expect(await node.leases()).toEqual([]);
  await using client = await bindGuest("udhcpc", { namespace: net.sandbox, mac }, node.folder);
  const ip = await client.address();
  expect(await node.lease(ip)).toMatchObject({
    state: "leased",
    ownerParts: { kind: "guest", mac },
  });
  await node.namespace.exec(ping(ip));
  expect((await callNetwork(node, "DEL", pod)).code).toBe(0);
  // Its lease is the guest's, not the port's: it ends by its time, or when the guest says so.
  expect(await node.lease(ip)).toMatchObject({ state: "leased" });
});

test("replies reach a guest without an address as unicast frames with a full checksum, and nobody else", async () => {
  await using node = await startNode();
  const guest = await node.plugGuest("guest", MAC);
  const bystander = await node.plugGuest("bystander", OTHER_MAC);
  await using seen = await captureReplies(guest.namespace);
  await using overheard = await captureReplies(bystander.namespace);
  await using client = await bindGuest("udhcpc", guest, node.folder);
  const ip = await client.address();
  const replies = await waitFor(
    () => {
      const parts = seen.stdout().split(/^(?=\d\d:\d\d:)/m);
      return parts.filter((part) => /Message.*(Offer|ACK)\n/.test(part)).length === 2 && parts;
    },
    { what: `an offer and an acknowledgement:\n${seen.stdout()}` },
  );
  for (const reply of replies) {
    expect(reply).toContain(`> ${MAC}, ethertype IPv4`);
    expect(reply).toContain(`${GATEWAY}.67 > ${ip}.68: [udp sum ok] BOOTP/DHCP, Reply`);
    expect(reply).toMatch(new RegExp(`MTU.*: ${MTU}\\n`));
  }
  // The bystander's own exchange comes after whatever it could have overheard.
  await using other = await bindGuest("udhcpc", bystander, node.folder);
  await other.address();
  await waitFor(() => overheard.stdout().includes("ACK"), { what: "the bystander's own reply" });
  expect(overheard.stdout()).not.toContain(MAC);
});

test("a virtual machine gets a lease, is routed, and reaches node, container and gateway", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod");
  const podIp = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
  await using machine = await bootGuest({ ...node, mac: MAC });
  const { ip, prefixLength, router } = await machine.lease();
  expect({ prefixLength, router }).toEqual({ prefixLength: 24, router: GATEWAY });
  expect(await node.lease(ip)).toMatchObject({
    state: "leased",
    routed: true,
    ownerParts: { kind: "guest", mac: MAC },
  });
  expect(await node.routeOf(ip)).toContain("dev cni0");
  expect(await machine.exec("cat /sys/class/net/eth0/mtu")).toBe(String(MTU));
  await node.namespace.exec(pingWhole(ip, MTU));
  await net.pod.exec(ping(ip));
  await machine.exec(`ping -c 1 -W 10 ${podIp}`);
  await machine.exec(`ping -c 1 -W 10 ${GATEWAY}`);

  await node.broker.kill();
  await net.pod.exec(ping(ip));
  await node.broker.start();
  const count = machine.leaseCount();
  await machine.exec("killall -USR1 udhcpc");
  await waitFor(() => machine.leaseCount() > count, { what: "the renewal" });
  expect((await machine.lease()).ip).toBe(ip);
});
