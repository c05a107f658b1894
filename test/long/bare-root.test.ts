// The .deb on a minimal Debian that has no Node: installed, linked, adopted, serving, and removed without a trace.

import { copyFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makePackages } from "#packaging/package.ts";
import { bareRoot, type BareRoot } from "#test/packaging/bare-root.ts";
import { namespaces, type Namespaces } from "#test/netns/namespaces.ts";
import type { Running } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";

const SUBNET = "10.96.0.0/24";
/** dpkg's own books change, and these folders hold the state that outlives a package. */
const NOT_COMPARED =
  /^\/(proc|sys|dev|run|tmp|var\/lib\/dpkg|var\/log|var\/lib\/cocoon|etc\/cocoon-net|etc\/cni)(\/|$)/;
const undo = new AsyncDisposableStack();
let net: Namespaces<"node" | "pod">;
let root: BareRoot;
let before: ReadonlySet<string>;
let broker: Running;

async function files(): Promise<Set<string>> {
  const all = await root.run(["find", "/", "-xdev", "-not", "-type", "d"]);
  return new Set(all.split("\n").filter((path) => !NOT_COMPARED.test(path)));
}

beforeAll(async () => {
  const packages = undo.use(await temporaryFolder());
  const folder = undo.use(await temporaryFolder());
  net = undo.use(await namespaces("node", "pod"));
  root = await bareRoot(net.node, folder.path);
  before = await files();
  await copyFile(makePackages(packages.path).deb, join(root.path, "tmp/cocoon-net.deb"));
}, 1_800_000);
afterAll(() => undo.disposeAsync());

test("there is no Node on it", async () => {
  expect((await root.attempt(["sh", "-c", "command -v node nodejs npm"])).stdout).toBe("");
});

test("dpkg installs it, names the next step and starts nothing", async () => {
  const said = await root.run(["dpkg", "--install", "/tmp/cocoon-net.deb"]);
  expect(said).toContain("next: /usr/lib/cocoon-net/cocoon-net install");
  expect(await root.run(["dpkg", "--verify", "cocoon-net"])).toBe("");
  const made = ["/run/cocoon-net", "/usr/local/bin/cocoon-net", "/opt/cni/bin/cocoon-ipam"];
  for (const path of made) expect((await root.attempt(["test", "-e", path])).code, path).toBe(1);
});

test("cocoon-net install makes link, plugin and unit", async () => {
  await root.run(["/usr/lib/cocoon-net/cocoon-net", "install"]);
  expect(await root.run(["cocoon-net", "--help"])).toContain("Usage: cocoon-net");
  const version = ["env", "CNI_COMMAND=VERSION", "/opt/cni/bin/cocoon-ipam"];
  expect(await root.run(version, { input: '{"cniVersion":"1.1.0"}' })).toContain(
    "supportedVersions",
  );
  await root.run(["test", "-f", "/etc/systemd/system/cocoon-net.service"]);
});

test("adopts, serves and gives an address by ADD", async () => {
  await root.run([
    "cocoon-net",
    "adopt",
    "--platform",
    "local",
    "--subnet",
    SUBNET,
    "--manage-iptables",
  ]);
  broker = undo.use(root.spawn(["cocoon-net", "daemon", "--metrics-addr", ""]));
  await waitFor(async () => (await root.attempt(["cocoon-net", "status"])).code === 0, {
    what: `the broker; it said:\n${broker.stderr()}`,
  });
  const call = [
    "CNI_CONTAINERID=pod",
    "CNI_IFNAME=eth0",
    `CNI_NETNS=${net.pod.path}`,
    "CNI_PATH=/opt/cni/bin",
  ];
  const conf =
    '{"cniVersion":"1.0.0","name":"cocoon-net","type":"bridge","ipam":{"type":"cocoon-ipam"}}';
  const added = await root.run(["env", "CNI_COMMAND=ADD", ...call, "/opt/cni/bin/cocoon-ipam"], {
    input: conf,
  });
  expect(added).toMatch(/"address":\s*"10\.96\.0\.\d+\/24"/);
  expect(await net.node.exec(["ip", "route", "show"])).toMatch(/10\.96\.0\.\d+ dev cni0/);
  expect(await root.run(["iptables-save"])).toContain(SUBNET);
  expect(await root.run(["cocoon-net", "leases"])).toContain("10.96.0.");
  expect((await broker.stop()).code).toBe(0);
});

test("removal takes away what install made, and leaves what was changed and the state", async () => {
  const kept = "/etc/systemd/system/cocoon-net.service";
  await writeFile(join(root.path, kept), "# changed by hand\n");
  await root.run(["dpkg", "--remove", "cocoon-net"]);
  expect([...(await files())].filter((path) => !before.has(path))).toEqual([kept]);
  await root.run(["test", "-f", "/var/lib/cocoon/net/pool.json"]);
});
