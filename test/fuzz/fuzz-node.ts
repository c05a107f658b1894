// A node to be attacked: the built broker in a namespace, a link for an attacker, one for guests, and holders of addresses.

import { mkdir, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type BrokerProcess, nodeEnvironment, startBroker } from "#test/netns/broker.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { addressOf, callPlugin, succeeded } from "#test/crash/plugin.ts";
import { type NetworkNamespace, joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { type Running } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";

export const GATEWAY = "10.207.0.1";
const POOL = {
  platform: "local",
  nodeName: "fuzz",
  subnet: "10.207.0.0/16",
  gateway: GATEWAY,
  primaryNIC: "uplink0",
  secondaryNICs: [],
  dnsServers: [GATEWAY],
  updatedAt: "2026-01-01T00:00:00Z",
};
const HOLDERS = 4;

export interface FuzzNode extends AsyncDisposable {
  readonly broker: BrokerProcess;
  readonly attacker: NetworkNamespace;
  readonly pod: NetworkNamespace;
  /** A process of ours in a namespace, with its parameters. */
  run(place: NetworkNamespace, script: string, ...parameters: readonly string[]): Running;
  readonly guest: NetworkNamespace;
  /** Resident memory of the broker, in KiB. */
  memory(): number;
  /** Every lease of a holder, as text to compare. */
  held(): Promise<readonly string[]>;
}

export async function startFuzzNode(): Promise<FuzzNode> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "attacker", "guest", "pod"));
  await joinByVeth(
    { namespace: net.node, link: "uplink0" },
    { namespace: net.pod, link: "uplink1" },
  );
  const state = join(folder, "state");
  for (const path of [state, join(folder, "net.d"), join(folder, "bin")]) await mkdir(path);
  await writeFile(join(state, "pool.json"), JSON.stringify(POOL));
  const env = { ...nodeEnvironment({ folder }), COCOON_NET_METRICS_ADDR: "" };
  const flags = ["--skip-iptables"];
  const broker = undo.use(await startBroker({ namespace: net.node, folder, flags, env }));
  for (const [index, namespace] of [net.attacker, net.guest].entries())
    await joinByVeth(
      { namespace: net.node, link: `port${index}`, bridge: "cni0" },
      { namespace, link: "eth0" },
    );
  for (let number = 0; number < HOLDERS; number += 1)
    await placeHolder(net.node, broker, number, undo);
  const cleanUp = undo.move();
  return {
    broker,
    attacker: net.attacker,
    guest: net.guest,
    pod: net.pod,
    run: (place, script, ...parameters) =>
      place.spawn([process.execPath, join(import.meta.dirname, script), ...parameters]),
    memory: () => memoryOf(broker.pid()),
    held: () => heldBy(broker),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

/** A container that stays: its address is on its link, so that whoever looks for it finds it alive. */
async function placeHolder(
  node: NetworkNamespace,
  broker: BrokerProcess,
  number: number,
  undo: AsyncDisposableStack,
): Promise<void> {
  const { holder } = undo.use(await namespaces("holder"));
  await joinByVeth(
    { namespace: node, link: `held${number}`, bridge: "cni0" },
    { namespace: holder, link: "eth0" },
  );
  const call = { verb: "ADD", id: `holder-${number}` } as const;
  const ip = addressOf(await callPlugin(broker, holder.path, call));
  await holder.exec(["ip", "addr", "add", `${ip}/16`, "dev", "eth0"]);
}

async function heldBy(broker: BrokerProcess): Promise<readonly string[]> {
  const leases = await leasesOf(broker);
  return leases
    .filter(({ owner }) => owner.includes("holder-"))
    .map(({ ip, state, owner, sequence, routed }) => [ip, state, owner, sequence, routed].join(" "))
    .toSorted();
}

function memoryOf(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  if (line?.[1] === undefined) throw new Error(`process ${pid} does not tell its memory`);
  return Number(line[1]);
}

export interface GoodGuests {
  /** Leaves the broker alone, or goes on. */
  pause(paused: boolean): void;
  end(): Promise<GuestsTold>;
}

export interface GuestsTold {
  readonly exchanges: number;
  readonly failed: number;
  readonly repeated: number;
  readonly failures: readonly string[];
}

export async function startGoodGuests(node: FuzzNode): Promise<GoodGuests> {
  const guests = node.run(node.guest, "good-guest.ts", "eth0", GATEWAY);
  await waitFor(() => guests.stdout().includes("ready"), { what: "the guests" });
  return {
    pause: (paused) => guests.write(paused ? "pause\n" : "go on\n"),
    async end() {
      guests.write("end\n");
      const { stdout, stderr } = await guests.exited;
      const last = stdout.trim().split("\n").at(-1) ?? "";
      if (!last.startsWith("{")) throw new Error(`the guests ended early: ${stderr}`);
      return JSON.parse(last) as GuestsTold;
    },
  };
}

/** ADD, CHECK, DEL of one container by the plugin; gives the address that it had. */
export async function wholePod(node: FuzzNode, number: number): Promise<string> {
  const id = `good-${number}`;
  const call = (verb: "ADD" | "CHECK" | "DEL", conf = {}) =>
    callPlugin(node.broker, node.pod.path, { verb, id, conf });
  const ip = addressOf(await call("ADD"));
  const prevResult = { cniVersion: "1.1.0", ips: [{ address: `${ip}/16` }] };
  succeeded(await call("CHECK", { prevResult }));
  succeeded(await call("DEL"));
  return ip;
}
