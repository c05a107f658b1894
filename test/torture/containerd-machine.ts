// A machine for containerd and broker together: one network, one view of files, one boot ID, and all of it lost at a reboot.

import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type LocalNode, prepareNode } from "#test/netns/local-node.ts";
import { type NetworkNamespace, namespaces } from "#test/netns/namespaces.ts";
import { type Running, attempt, run, start } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";

const SANDBOX = join(import.meta.dirname, "../containerd/sandbox.sh");
const MACHINE = join(import.meta.dirname, "containerd-machine.sh");
/** Where a runtime puts the namespaces of its pods, as the machine sees it. */
const NAMESPACES = "/run/netns";
const SHOW_ADDRESSES = ["ip", "-4", "-o", "addr", "show", "dev", "eth0"];

export interface Machine extends AsyncDisposable {
  readonly node: LocalNode;
  /** Its network with its files: what is run in there runs as on that machine. */
  readonly place: NetworkNamespace;
  /** The pods' namespaces by name, each with the IPv4 addresses on its eth0. */
  pods(): Promise<ReadonlyMap<string, readonly string[]>>;
  /** Takes the name and the last hold of a pod's namespace away. */
  loseNamespace(name: string): Promise<void>;
  /** What a reboot leaves: no mount, no namespace, no bridge, another boot ID. Whoever runs on it is to be ended before. */
  reboot(): Promise<void>;
}

/** Adopted with that subnet, which the pool is; nothing of ours runs yet. */
export async function makeMachine(subnet: string): Promise<Machine> {
  await using undo = new AsyncDisposableStack();
  const folder = undo.use(await temporaryFolder()).path;
  const net = undo.use(await namespaces("node", "uplink"));
  const node = await prepareNode({ namespace: net.node, uplink: net.uplink, folder });
  await node.cocoonNet("adopt", "--platform", "local", "--subnet", subnet, "--node-name", "node");
  const bootId = join(folder, "boot-id");
  let holder = await boot();
  undo.defer(() => holder[Symbol.asyncDispose]());
  const inside = (argv: readonly string[]): string[] => [
    "nsenter",
    `--net=${net.node.path}`,
    `--mount=/proc/${holder.pid}/ns/mnt`,
    ...argv,
  ];
  const place: NetworkNamespace = {
    ...net.node,
    exec: (argv, options) => run(inside(argv), options),
    attempt: (argv, options) => attempt(inside(argv), options),
    spawn: (argv, options) => start(inside(argv), options),
  };
  const cleanUp = undo.move();
  return {
    node,
    place,
    pods: () => addressesOf(place),
    async loseNamespace(name) {
      // A runtime that was killed may have come no further than the empty file: then there is nothing to unmount.
      await place.attempt(["umount", "--lazy", join(NAMESPACES, name)]);
      await place.exec(["rm", join(NAMESPACES, name)]);
    },
    async reboot() {
      await holder[Symbol.asyncDispose]();
      await net.node.attempt(["ip", "link", "del", node.bridge]);
      holder = await boot();
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };

  /** A process in whose mount namespace the machine is seen: it holds it open. */
  async function boot(): Promise<Running> {
    await writeFile(bootId, `${randomUUID()}\n`);
    const { conflists, plugins } = node.paths;
    const sandbox = [SANDBOX, join(folder, "scratch"), conflists, plugins];
    await run(["mkdir", "-p", join(folder, "scratch")]);
    const enter = ["nsenter", `--net=${net.node.path}`];
    const own = ["unshare", "--mount", "--propagation", "slave"];
    const sleeper = start([...enter, ...own, ...sandbox, MACHINE, bootId, "sleep", "infinity"]);
    const name = async (): Promise<string> =>
      (await attempt(["cat", `/proc/${sleeper.pid}/comm`])).stdout.trim();
    await waitFor(
      async () => {
        if (sleeper.exit() !== undefined) throw new Error(`no machine: ${sleeper.stderr()}`);
        return (await name()) === "sleep";
      },
      { what: "the machine's files" },
    );
    return sleeper;
  }
}

async function addressesOf(place: NetworkNamespace): Promise<Map<string, readonly string[]>> {
  const names = (await place.exec(["ls", NAMESPACES])).split("\n").filter((name) => name !== "");
  const found = new Map<string, readonly string[]>();
  for (const name of names) {
    const enter = ["nsenter", `--net=${join(NAMESPACES, name)}`];
    const { code, stdout } = await place.attempt([...enter, ...SHOW_ADDRESSES]);
    // Without an eth0, or no namespace any more: no address.
    found.set(
      name,
      code === 0
        ? [...stdout.matchAll(/ inet ([\d.]+)\//g)].flatMap((match) => match[1] ?? [])
        : [],
    );
  }
  return found;
}
