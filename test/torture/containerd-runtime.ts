// containerd with its CRI on a machine of a test: started, killed, started again, and its shims and tasks killed under it.

import { mkdir, readFile, readdir, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { endShims, shimsOf } from "#test/containerd/containerd.ts";
import { IMAGE_NAME, buildImage } from "#test/containerd/image.ts";
import { type Running, attempt } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type Cri, openCri } from "./containerd-cri.ts";
import type { Machine } from "./containerd-machine.ts";

/** The CRI's containers are all in this namespace of containerd. */
const NAMESPACE = "k8s.io";
const CGROUPS = "/sys/fs/cgroup";
const START_LIMIT_MS = 60_000;
let made = 0;

export interface Runtime extends AsyncDisposable {
  readonly cri: Cri;
  /** Parent of the pods' control groups. */
  readonly group: string;
  /** Starts it (again) and waits until pods can be run. */
  start(): Promise<void>;
  /** SIGKILL; its shims and pods live on. */
  kill(): Promise<void>;
  runs(): boolean;
  /** What `ctr task kill` does; false when containerd did not do it. */
  killTask(id: string): Promise<boolean>;
  /** SIGKILL for the sandbox's shim; false when it has none. */
  killShim(id: string): Promise<boolean>;
  /** SIGKILL for all that runs in the sandbox. */
  killProcesses(id: string): Promise<void>;
  /**
   * Removes the snapshot that a killed containerd left in its own way: each next pod would fail as that error says. False
   * when the error is another one.
   */
  clearSnapshot(error: unknown): Promise<boolean>;
  /** Ends containerd, its shims and its pods, and empties what it keeps in memory. */
  powerOff(): Promise<void>;
  logs(): string;
}

/** Not started yet. */
export async function makeRuntime(machine: Machine): Promise<Runtime> {
  made += 1;
  const group = `/cocoon-net-torture-${process.pid}-${made}`;
  const folder = join(machine.node.folder, "containerd");
  const socket = join(folder, "containerd.sock");
  const state = join(folder, "state");
  const root = join(folder, "root-of-containerd");
  await mkdir(folder);
  await writeFile(join(folder, "config.toml"), configuration(root, socket, state));
  const image = await buildImage(folder);
  const ctr = ["ctr", "--address", socket, "--namespace", NAMESPACE];
  const cri = openCri(socket);
  const runs: Running[] = [];
  /** By pods of the same moment, which find the same one; another kill may leave another. */
  const cleared = new Set<string>();
  let imported = false;
  const lives = (): boolean => runs.length > 0 && runs.at(-1)?.exit() === undefined;
  const kill = async (): Promise<void> => {
    runs.at(-1)?.kill("SIGKILL");
    await runs.at(-1)?.exited;
  };
  async function powerOff(): Promise<void> {
    await kill();
    await endShims(socket);
    await endGroup(group);
  }
  return {
    cri,
    group,
    kill,
    runs: lives,
    powerOff: async () => {
      await powerOff();
      // Mounts in there are the machine's, and go with it.
      await attempt(["rm", "-rf", "--one-file-system", state]);
    },
    async clearSnapshot(error) {
      const left = /(\/\S+\/snapshots\/\d+): file exists/.exec(String(error))?.[1];
      if (left?.startsWith(root) !== true) return false;
      if (!cleared.has(left)) {
        cleared.add(left);
        await rm(left, { recursive: true, force: true });
      }
      return true;
    },
    async start() {
      cleared.clear();
      const daemon = machine.place.spawn(["containerd", "--config", join(folder, "config.toml")]);
      runs.push(daemon);
      await until(
        daemon,
        async () => (await machine.place.attempt([...ctr, "version"])).code === 0,
      );
      if (!imported)
        await machine.place.exec([...ctr, "image", "import", "--snapshotter", "native", image]);
      imported = true;
      await until(daemon, () => cri.isNetworkReady().catch(() => false));
    },
    async killTask(id) {
      const argv = [...ctr, "task", "kill", "--signal", "SIGKILL", id];
      return (await machine.place.attempt(argv)).code === 0;
    },
    async killShim(id) {
      const [shim] = await shimsOf(socket, id);
      return shim !== undefined && (await attempt(["kill", "-9", shim])).code === 0;
    },
    killProcesses: (id) => killGroup(join(group, id)),
    logs: () => runs.map((one) => one.stderr()).join("\n"),
    async [Symbol.asyncDispose]() {
      await powerOff();
      await rm(state, { recursive: true, force: true }).catch(() => undefined);
    },
  };
}

async function until(daemon: Running, condition: () => Promise<boolean>): Promise<void> {
  await waitFor(
    async () => {
      if (daemon.exit() !== undefined) throw new Error(`containerd ended:\n${daemon.stderr()}`);
      return condition();
    },
    { limit: START_LIMIT_MS, what: "containerd to run pods" },
  );
}

function configuration(root: string, socket: string, state: string): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  const snapshotters = ["aufs", "btrfs", "devmapper", "zfs"];
  const disabled = snapshotters.map((name) => `io.containerd.snapshotter.v1.${name}`);
  disabled.push("io.containerd.internal.v1.opt");
  const lines = [
    "version = 2",
    `root = ${JSON.stringify(root)}`,
    `state = ${JSON.stringify(state)}`,
    `disabled_plugins = ${JSON.stringify(disabled)}`,
    "[grpc]",
    `address = ${JSON.stringify(socket)}`,
    `[${cri}]`,
    `sandbox_image = ${JSON.stringify(IMAGE_NAME)}`,
    // What not every machine lets its root do.
    "restrict_oom_score_adj = true",
    "disable_apparmor = true",
    `[${cri}.containerd]`,
    // Copies, not overlays, which do not lie on top of each other everywhere.
    'snapshotter = "native"',
  ];
  return `${lines.join("\n")}\n`;
}

/** The group's folder in each hierarchy that has it, the hierarchies' root among them. */
async function foldersOf(group: string): Promise<string[]> {
  const hierarchies = ["", ...(await readdir(CGROUPS))];
  const places = hierarchies.map((hierarchy) => join(CGROUPS, hierarchy, group));
  const found = await Promise.all(
    places.map((path) =>
      readdir(path).then(
        () => [path],
        () => [],
      ),
    ),
  );
  return found.flat();
}

/** Kills all in the group and below, until nobody is left. */
async function killGroup(group: string): Promise<void> {
  await waitFor(
    async () => {
      const pids = new Set<string>();
      for (const path of await foldersOf(group)) {
        // Groups end while they are looked at.
        const lists = (await attempt(["find", path, "-name", "cgroup.procs"])).stdout.split("\n");
        for (const list of lists.filter((line) => line !== "")) {
          const text = await readFile(list, "utf8").catch(() => "");
          for (const pid of text.split("\n").filter((line) => line !== "")) pids.add(pid);
        }
      }
      for (const pid of pids) await attempt(["kill", "-9", pid]);
      return pids.size === 0;
    },
    { what: `the end of all in ${group}` },
  );
}

async function endGroup(group: string): Promise<void> {
  await killGroup(group);
  for (const path of await foldersOf(group)) {
    await attempt([
      "find",
      path,
      "-mindepth",
      "1",
      "-depth",
      "-type",
      "d",
      "-exec",
      "rmdir",
      "{}",
      ";",
    ]);
    // In use until the kernel has buried the last process.
    await waitFor(
      () =>
        rmdir(path).then(
          () => true,
          () => false,
        ),
      { what: `${path} to be empty` },
    );
  }
}
