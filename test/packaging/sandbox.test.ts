// The installed broker under exactly what its unit allows: default paths, its own Node, confined, and still doing all its work.

import { readFileSync, readlinkSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { joinByVeth, namespaces, type Namespaces } from "#test/netns/namespaces.ts";
import type { Running } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { CAPABILITIES } from "./capabilities.ts";
import { confinementOf } from "./confinement.ts";
import { listenForNotifications, type Notifications } from "./notifications.ts";
import { NOTIFY_SOCKET, serviceHost, type ServiceHost } from "./service-host.ts";
import { parseUnit } from "./unit-file.ts";

const UNIT = resolve(import.meta.dirname, "../../packaging/cocoon-net.service");
const SUBNET = "10.95.0.0/24";
const GATEWAY = "10.95.0.1";
/** A host route, as `ip route show` prints it: without a prefix length. */
const LEASE_ROUTE = "^10\\.95\\.0\\.[0-9]* ";
const GUEST_MAC = "02:00:00:00:95:01";
const POD = `cnpod${process.pid}`;
/** Longer than the check every 10 s where the kernel gives no notification. */
const REPAIR_LIMIT_MS = 30_000;

const service = parseUnit(readFileSync(UNIT, "utf8")).get("Service") ?? new Map<string, string[]>();
const confinement = confinementOf(service);
const undo = new AsyncDisposableStack();
let net: Namespaces<"node" | "uplink" | "guest">;
let host: ServiceHost;
let heard: Notifications;
let broker: Running;

async function startService(): Promise<void> {
  heard.lines.length = 0;
  const command = (service.get("ExecStart")?.[0] ?? "").split(" ");
  const watchdog = Number.parseInt(service.get("WatchdogSec")?.[0] ?? "", 10);
  // A launcher that is not found in the unit's PATH would be systemd's error 203.
  broker = host.confine(confinement, command, {
    NOTIFY_SOCKET,
    // A tenth, so that the test need not wait half of the whole.
    WATCHDOG_USEC: String(watchdog * 100_000),
  });
  await waitFor(
    () => {
      if (broker.exit() !== undefined) throw new Error(`the broker ended:\n${broker.stderr()}`);
      return heard.lines.includes("READY=1");
    },
    { what: "READY=1" },
  );
}

beforeAll(async () => {
  const folder = undo.use(await temporaryFolder());
  net = undo.use(await namespaces("node", "uplink", "guest"));
  const uplink = { namespace: net.uplink, link: "eth0" };
  await joinByVeth({ namespace: net.node, link: "eth0" }, uplink);
  await net.node.exec(["ip", "addr", "add", "192.0.2.2/24", "dev", "eth0"]);
  await net.node.exec(["ip", "route", "add", "default", "via", "192.0.2.1"]);
  host = undo.use(await serviceHost(net.node, folder.path));
  heard = undo.use(listenForNotifications(join(folder.path, "systemd/notify")));
  await host.exec([
    "cocoon-net",
    "adopt",
    "--platform",
    "local",
    "--subnet",
    SUBNET,
    "--manage-iptables",
  ]);
  await startService();
  undo.defer(async () => void (await broker.stop()));
});
afterAll(() => undo.disposeAsync());

test("the broker is confined: capabilities, no_new_privs, filter", () => {
  const status = readFileSync(`/proc/${broker.pid}/status`, "utf8");
  const field = (name: string): string | undefined =>
    new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
  const mask = confinement.capabilities
    .map((name) => 2n ** BigInt(CAPABILITIES.indexOf(name)))
    .reduce((sum, bit) => sum | bit, 0n);
  expect(BigInt(`0x${field("CapBnd")}`)).toBe(mask);
  expect(BigInt(`0x${field("CapEff")}`)).toBe(mask);
  expect(field("NoNewPrivs")).toBe("1");
  expect(field("Seccomp")).toBe("2");
});

test("the Node that runs is the package's", () => {
  expect(readlinkSync(`/proc/${broker.pid}/exe`)).toBe("/usr/lib/cocoon-net/bin/node");
});

test("sysctls, bridge, firewall and the conflist are in place", async () => {
  expect(await net.node.exec(["sysctl", "-n", "net.ipv4.ip_forward"])).toBe("1\n");
  expect(await net.node.addresses("cni0")).toEqual([`${GATEWAY}/24`]);
  expect(await host.exec(["iptables-save"])).toContain(`-s ${SUBNET}`);
  expect(await host.exec(["ls", "/etc/cni/net.d"])).toContain("29-cocoon-net.conflist");
});

describe("a pod whose namespace is made after the broker's start", () => {
  beforeAll(async () => {
    await host.exec(["ip", "netns", "add", POD]);
    undo.defer(async () => void (await host.exec(["ip", "netns", "del", POD])));
  });

  test("is seen by the broker: mounts propagate into the service", async () => {
    const path = `/run/netns/${POD}`;
    const inode = statSync(host.path(path)).ino;
    await host.exec(["ip", "netns", "exec", POD, "test", path, "-ef", path]);
    expect(statSync(`/proc/${broker.pid}/root${path}`).ino).toBe(inode);
    expect(inode).not.toBe(statSync("/proc/self/ns/net").ino);
  });

  test("gets an address by ADD, routed, and gives it back by DEL", async () => {
    const added = await plugin("ADD");
    expect(added.code, added.stdout + added.stderr).toBe(0);
    const address = /"(10\.95\.0\.\d+)\/24"/.exec(added.stdout)?.[1] ?? "";
    expect(await net.node.exec(["ip", "route", "show", address])).toContain("dev cni0");
    expect((await plugin("CHECK", added.stdout)).code).toBe(0);
    expect((await plugin("DEL")).code).toBe(0);
    expect(await net.node.exec(["ip", "route", "show", address])).toBe("");
  });

  test("and its processes' namespaces are read, which needs CAP_SYS_PTRACE", async () => {
    await using sleeper = host.spawn(["ip", "netns", "exec", POD, "sleep", "1000"]);
    await waitFor(() => readFileSync(`/proc/${sleeper.pid}/comm`, "utf8") === "sleep\n", {
      what: "the pod's process",
    });
    const read = ["/usr/bin/readlink", "-v", `/proc/${sleeper.pid}/ns/net`];
    const namespace = readlinkSync(`/proc/${sleeper.pid}/ns/net`);
    expect((await host.confine(confinement, read).exited).stdout.trim()).toBe(namespace);
    const capabilities = confinement.capabilities.filter((name) => name !== "CAP_SYS_PTRACE");
    const refused = await host.confine({ ...confinement, capabilities }, read).exited;
    expect(refused.stderr).toContain("Permission denied");
  });
});

test("a guest gets its address by DHCP", async () => {
  await joinByVeth(
    { namespace: net.node, link: "guest0", bridge: "cni0" },
    { namespace: net.guest, link: "eth0", mac: GUEST_MAC },
  );
  await net.guest.exec(["udhcpc", "-i", "eth0", "-n", "-q", "-f", "-t", "10", "-s", "/bin/true"]);
  const leases = JSON.stringify((await host.ask("GET", "/v1/leases")).body);
  expect(leases).toContain(GUEST_MAC);
});

describe("drift is repaired", () => {
  test.each([
    {
      what: "a flushed firewall",
      spoil: ["sh", "-c", "iptables -F && iptables -t nat -F"],
      look: ["iptables-save"],
      wanted: `-s ${SUBNET}`,
    },
    {
      what: "a lease's route that was deleted",
      spoil: ["sh", "-c", `ip route del $(ip route show | grep -o '${LEASE_ROUTE}')`],
      look: ["sh", "-c", `ip route show | grep '${LEASE_ROUTE}'`],
      wanted: "dev cni0",
    },
    {
      what: "a deleted bridge",
      spoil: ["ip", "link", "del", "cni0"],
      look: ["ip", "-4", "addr", "show"],
      wanted: `${GATEWAY}/24`,
    },
    {
      what: "a sysctl",
      spoil: ["sysctl", "-w", "net.ipv4.ip_forward=0"],
      look: ["sysctl", "net.ipv4.ip_forward"],
      wanted: "ip_forward = 1",
    },
  ])("$what", async ({ spoil, look, wanted }) => {
    expect(await host.exec(look)).toContain(wanted);
    await host.exec(spoil);
    await waitFor(async () => (await host.attempt(look)).stdout.includes(wanted), {
      limit: REPAIR_LIMIT_MS,
      what: wanted,
    });
  });
});

test("killed, it comes back with its leases, as systemd restarts it", async () => {
  broker.kill("SIGKILL");
  await broker.exited;
  await startService();
  expect(JSON.stringify((await host.ask("GET", "/v1/leases")).body)).toContain(GUEST_MAC);
});

test("it keeps the watchdog fed and ends in order at SIGTERM", async () => {
  await waitFor(() => heard.lines.includes("WATCHDOG=1"), { what: "WATCHDOG=1" });
  expect((await broker.stop()).code).toBe(0);
  expect(heard.lines).toContain("STOPPING=1");
});

test.each([
  ["wrong settings", { COCOON_NET_DURABILITY: "perhaps" }, "COCOON_NET_DURABILITY"],
  [
    "no pool",
    { COCOON_NET_STATE_DIR: "/var/lib/cocoon/net/empty" },
    "empty/pool.json does not exist",
  ],
])(
  "%s end it with an exit code that systemd does not answer by a restart",
  async (_, wrong, text) => {
    const command = (service.get("ExecStart")?.[0] ?? "").split(" ");
    const { code, stderr } = await host.confine(confinement, command, wrong).exited;
    const final = service.get("RestartPreventExitStatus")?.[0]?.split(" ");
    expect(final).toContain(String(code));
    expect(stderr).toContain(text);
  },
);

function plugin(verb: string, previous = "null") {
  const conf = {
    cniVersion: "1.0.0",
    name: "cocoon-net",
    type: "bridge",
    ipam: { type: "cocoon-ipam" },
    prevResult: JSON.parse(previous) as unknown,
  };
  return host.attempt(["/opt/cni/bin/cocoon-ipam"], JSON.stringify(conf), {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "pod-1",
    CNI_IFNAME: "eth0",
    CNI_NETNS: `/run/netns/${POD}`,
    CNI_PATH: "/opt/cni/bin",
  });
}
