// What doctor reads off other programs' records: DHCP clients, listeners, routes.

import { describe, expect, test } from "vitest";
import { clientFor, isNetworkManagersDevice, isNetworkdsLink } from "#cli/dhcp-clients.ts";
import { listenersIn } from "#cli/dhcp-listeners.ts";
import { agentRoutesIn } from "#cli/uplink-facts.ts";

describe("who is a DHCP client of a link", () => {
  test.each([
    ["dhclient\0-v\0-lf\0/tmp/l\0eth1\0", "dhclient"],
    ["/usr/sbin/udhcpc\0-f\0-i\0eth1\0", "udhcpc"],
    ["udhcpc\0-ieth1\0", "udhcpc"],
    ["dhcpcd: eth1 [ip4]\0", "dhcpcd"],
    ["dhcpcd: [manager] [ip4] [ip6]\0", "dhcpcd"],
    ["dhclient\0eth10\0", undefined],
    ["tcpdump\0-i\0eth1\0", undefined],
    ["", undefined],
  ])("%j", (line, program) => {
    expect(clientFor(line, "eth1")).toBe(program);
  });

  test.each([
    ["ADMIN_STATE=configured\nOPER_STATE=routable\n", true],
    ["ADMIN_STATE=unmanaged\nOPER_STATE=carrier\n", false],
    ["", false],
  ])("systemd-networkd: %j", (text, managed) => {
    expect(isNetworkdsLink(text)).toBe(managed);
  });

  test.each([
    ["[device]\nmanaged=true\nconnection-uuid=1\n", true],
    ["[device]\nmanaged=false\n", false],
    ["", false],
  ])("NetworkManager: %j", (text, managed) => {
    expect(isNetworkManagersDevice(text)).toBe(managed);
  });
});

test("listeners are read off ss, routes off ip", () => {
  expect(
    listenersIn(
      'UNCONN 0      0          0.0.0.0%cni0:67        0.0.0.0:*    users:(("node",pid=12,fd=23))\nUNCONN 0 0 0.0.0.0:67 0.0.0.0:*\n',
    ),
  ).toEqual([
    { program: "node", process: 12, device: "cni0" },
    { program: undefined, process: undefined, device: undefined },
  ]);
  const routes = [
    { type: "local", dst: "172.20.100.0/24", dev: "ens4" },
    { type: "local", dst: "172.20.100.7", dev: "ens4" },
    { type: "local", dst: "10.4.1.0/24", dev: "ens4" },
    { type: "local", dst: "172.20.0.0/16", dev: "ens4" },
  ];
  expect(agentRoutesIn(JSON.stringify(routes), "172.20.100.0/24")).toEqual([
    "172.20.100.0/24",
    "172.20.100.7",
  ]);
  expect(agentRoutesIn("", "172.20.100.0/24")).toEqual([]);
});
