// doctor on a real machine: troubles of links, routes and ports are planted one by one, and found.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Finding } from "#cli/finding.ts";
import { COCOON_NET } from "#test/netns/broker.ts";
import {
  type NetworkNamespace,
  addBridge,
  joinByVeth,
  namespaces,
} from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";

const SUBNET = "10.206.1.0/24";
const MAC = "02:00:0a:ce:01:01";
const AGENT_ROUTE = ["local", SUBNET, "dev", "eth0", "table", "local", "proto", "66"];

const undo = new AsyncDisposableStack();
let node: NetworkNamespace;
let folder: string;

beforeAll(async () => {
  folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "far"));
  node = net.node;
  await joinByVeth({ namespace: node, link: "eth0" }, { namespace: net.far, link: "far0" });
  await joinByVeth(
    { namespace: node, link: "eth1", mac: MAC },
    { namespace: net.far, link: "far1" },
  );
});
afterAll(() => undo.disposeAsync());
beforeEach(async () => {
  await node.exec(["ip", "link", "set", "eth1", "up"]);
  await writePool("volcengine");
});

async function writePool(platform: string, change: object = {}): Promise<void> {
  const gateway = "10.206.1.1";
  const pool = { platform, subnet: SUBNET, gateway, ips: ["10.206.1.2"], secondaryNICs: ["eth1"] };
  await writeFile(join(folder, "pool.json"), JSON.stringify({ ...pool, ...change }));
}

/** What is not as it should be, of the checks whose name begins so. */
async function found(check: string): Promise<readonly Finding[]> {
  const flags = ["--no-cloud", "--state-dir", folder, "--socket", join(folder, "b.sock")];
  const argv = [COCOON_NET, "doctor", "--output", "json", ...flags];
  const { stdout, stderr } = await node.attempt(argv);
  expect(stderr).toBe("");
  const findings: readonly Finding[] = JSON.parse(stdout);
  return findings.filter((one) => one.check.startsWith(check) && one.state !== "ok");
}

test("a secondary NIC that is down, and up again", async () => {
  await node.exec(["ip", "link", "set", "eth1", "down"]);
  expect(await found("nic eth1")).toMatchObject([
    { state: "problem", detail: "is down", remedy: "ip link set eth1 up" },
  ]);
  await node.exec(["ip", "link", "set", "eth1", "up"]);
  expect(await found("nic")).toEqual([]);
});

test("a secondary NIC that is not there, under its name or its MAC", async () => {
  await writePool("volcengine", { secondaryNICs: ["eth1", "eth7"] });
  expect(await found("nic")).toMatchObject([{ check: "nic eth7", state: "problem" }]);
  const attachments = [{ eniID: "eni-1", mac: MAC, nic: "eth7", gateway: "10.206.1.1", ips: [] }];
  const provisioning = { version: 1, state: "complete", generation: "g", node: {}, attachments };
  await writePool("volcengine", { secondaryNICs: ["eth7"], provisioning });
  expect(await found("nic"), "eth1 has the MAC of what was eth7").toEqual([]);
});

test("a secondary NIC with an address", async () => {
  await node.exec(["ip", "address", "add", "10.206.1.9/24", "dev", "eth1"]);
  expect(await found("nic eth1")).toMatchObject([
    { state: "problem", detail: expect.stringContaining("10.206.1.9") },
  ]);
  expect(await found("pool"), "one cause, one finding").toEqual([]);
  await node.exec(["ip", "-4", "address", "flush", "dev", "eth1"]);
  expect(await found("nic")).toEqual([]);
});

test("another DHCP client on a secondary NIC", async () => {
  await using client = node.spawn(["udhcpc", "-f", "-i", "eth1", "-s", "/bin/true"]);
  const [finding] = await waitFor(
    async () => {
      const findings = await found("nic eth1");
      return findings.length > 0 && findings;
    },
    { what: `the client to be found (${client.stderr()})` },
  );
  expect(finding).toMatchObject({ state: "warning", detail: expect.stringContaining("udhcpc") });
  await client.stop();
  expect(await found("nic")).toEqual([]);
});

test("the guest agent's local route, and not another's", async () => {
  await writePool("gke", { secondaryNICs: [] });
  await node.exec(["ip", "address", "add", "10.206.1.200/32", "dev", "eth0"]);
  expect(await found("guest agent")).toEqual([]);
  await node.exec(["ip", "address", "del", "10.206.1.200/32", "dev", "eth0"]);
  await node.exec(["ip", "route", "add", ...AGENT_ROUTE]);
  const [finding] = await found("guest agent");
  expect(finding).toMatchObject({
    state: "problem",
    detail: `its local route ${SUBNET} swallows the guests' packets`,
    symptom: expect.stringContaining("cannot be reached"),
  });
  const remedy = /by hand: (ip route del .*)$/.exec(finding?.remedy ?? "")?.[1] ?? "";
  await node.exec(remedy.split(" "));
  expect(await found("guest agent")).toEqual([]);
});

test("a program on the DHCP server's port, and one that is bound elsewhere", async () => {
  const bind = 'require("node:dgram").createSocket("udp4").bind(67, () => console.log("bound"))';
  await using server = node.spawn([process.execPath, "-e", bind]);
  await waitFor(() => server.stdout().includes("bound"), { what: "the port to be taken" });
  expect(await found("dhcp port")).toMatchObject([
    { state: "problem", detail: expect.stringMatching(/^\S+ \(process \d+\) listens on UDP/) },
  ]);
  await server.stop();
  expect(await found("dhcp port")).toEqual([]);
});

test("a bridge of another subnet than pool.json's", async () => {
  await addBridge(node, "cni0", "10.206.1.1/24");
  expect(await found("bridge")).toEqual([]);
  await node.exec(["ip", "address", "flush", "dev", "cni0"]);
  await node.exec(["ip", "address", "add", "10.206.1.1/20", "dev", "cni0"]);
  expect(await found("bridge")).toMatchObject([
    { state: "problem", detail: "has 10.206.1.1/20, and pool.json says 10.206.1.1/24" },
  ]);
  await node.exec(["ip", "address", "flush", "dev", "cni0"]);
  await node.exec(["ip", "address", "add", "10.206.2.1/24", "dev", "cni0"]);
  expect(await found("bridge")).toMatchObject([
    { state: "problem", remedy: expect.stringContaining("right --subnet") },
  ]);
});
