// What the unit forbids is refused to a process confined as the broker is, and is possible on the same machine without.

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { type Confinement, confinementOf } from "./confinement.ts";
import { serviceHost, type ServiceHost } from "./service-host.ts";
import { parseUnit } from "./unit-file.ts";

const UNIT = resolve(import.meta.dirname, "../../packaging/cocoon-net.service");
const service = parseUnit(readFileSync(UNIT, "utf8")).get("Service") ?? new Map<string, string[]>();
const confinement = confinementOf(service);
const undo = new AsyncDisposableStack();
let host: ServiceHost;

beforeAll(async () => {
  const folder = undo.use(await temporaryFolder());
  const net = undo.use(await namespaces("node"));
  host = undo.use(await serviceHost(net.node, folder.path));
});
afterAll(() => undo.disposeAsync());

/** A word of Python, so that a system call can be made that no command makes. */
const python = (code: string): string[] => ["/usr/bin/python3", "-c", code];
const socket = (family: number): string[] =>
  python(`import socket; socket.socket(${family}, socket.SOCK_STREAM)`);
const shell = (code: string): string[] => ["/bin/sh", "-c", code];

describe("refused, and possible without the confinement", () => {
  test.each<[string, string[], RegExp]>([
    ["writing to /usr", shell("echo > /usr/lib/cocoon-net-probe"), /Read-only/],
    ["writing to /etc", shell("echo > /etc/cocoon-net-probe"), /Read-only/],
    ["writing a plugin", shell("echo > /opt/cni/bin/probe"), /Read-only/],
    ["writing elsewhere in /var", shell("echo > /var/lib/probe"), /Read-only/],
    ["looking into /root", ["/bin/ls", "/root"], /Permission denied/],
    ["a network namespace", ["/usr/bin/unshare", "--net", "true"], /not permitted/],
    ["a mount", shell("mount -t tmpfs tmpfs /run/cocoon-net"), /permission denied|not permitted/],
    ["a set-user-ID file", shell("> /run/s && chmod u+s /run/s"), /not permitted/],
    ["another user's identity", ["/usr/bin/setpriv", "--reuid", "1000", "true"], /not permitted/],
    ["AF_VSOCK", socket(40), /not supported/],
    ["another personality", ["/usr/bin/setarch", "-R", "true"], /not permitted/],
    ["a device", shell("mknod /run/d$$ c 1 3"), /not permitted/],
  ])("%s", async (_what, argv, message) => {
    expect((await host.attempt(argv)).code).toBe(0);
    const refused = await host.confine(confinement, argv).exited;
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(message);
  });
});

describe("allowed, and each for a reason: without it", () => {
  const without = (...names: string[]): Confinement => ({
    ...confinement,
    capabilities: confinement.capabilities.filter((name) => !names.includes(name)),
  });
  test.each<[string, string[], Confinement, RegExp]>([
    [
      "CAP_NET_ADMIN no link",
      ["/sbin/ip", "link", "add", "probe", "type", "bridge"],
      without("CAP_NET_ADMIN"),
      /not permitted/,
    ],
    [
      "CAP_NET_RAW no frames",
      python("import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"),
      without("CAP_NET_RAW"),
      /not permitted/,
    ],
    [
      "CAP_NET_BIND_SERVICE no DHCP port",
      python("import socket; socket.socket(2, socket.SOCK_DGRAM).bind(('0.0.0.0', 67))"),
      without("CAP_NET_BIND_SERVICE"),
      /Permission denied/,
    ],
    [
      "writable sysctls no forwarding",
      shell("echo 1 > /proc/sys/net/ipv4/ip_forward"),
      { ...confinement, readOnly: ["/proc/sys"] },
      /Read-only/,
    ],
    [
      "a writable /run no lock of iptables-legacy",
      shell("echo > /run/xtables.lock"),
      { ...confinement, writable: confinement.writable.filter((path) => path !== "/run") },
      /Read-only/,
    ],
  ])("%s", async (_what, argv, less, message) => {
    const allowed = await host.confine(confinement, argv).exited;
    expect(allowed.code, allowed.stderr).toBe(0);
    expect((await host.confine(less, argv).exited).stderr).toMatch(message);
  });
});
