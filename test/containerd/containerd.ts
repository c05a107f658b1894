// A real containerd with folders, socket and CNI folders of its own, whose containers join the network of one namespace.
import { mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildImage, IMAGE_NAME } from "#test/containerd/image.ts";
import { linkStockPlugins } from "#test/containerd/stock-plugins.ts";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { attempt, run, start, type Output, type Running } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";

const SANDBOX_SCRIPT = join(import.meta.dirname, "sandbox.sh");
const CGROUP_FOLDER = "/sys/fs/cgroup";
/** Copies, not overlays, which do not lie on top of each other everywhere; the image is small. */
const SNAPSHOTS = ["--snapshotter", "native"];
const IMAGE_OPTIONS = [...SNAPSHOTS, IMAGE_NAME];
let started = 0;

export type ContainerdSetting = {
  namespace: NetworkNamespace;
  /** Of the test; containerd keeps all it has in there. */
  folder: string;
  /** Seen as /etc/cni/net.d. */
  conflists: string;
  /** Seen as /opt/cni/bin; the stock plugins are linked into it where they are absent. */
  plugins: string;
};

export type Container = {
  readonly id: string;
  /** Its network namespace, as the runtime named it to the plugins. */
  readonly netns: string;
  /** Runs a command in it; throws unless its exit code is 0. */
  exec(argv: readonly string[]): Promise<string>;
  /** Its IPv4 address on eth0, without prefix length. */
  address(): Promise<string>;
  /** Stops and removes it; the runtime calls the plugins' DEL. */
  remove(): Promise<void>;
};

export type Containerd = AsyncDisposable & {
  /** Starts a container that sleeps; the runtime calls the plugins' ADD for the first network by name. */
  runContainer(id: string): Promise<Container>;
  /** ctr with this containerd's address and namespace, where its CNI folders are seen. */
  ctr(argv: readonly string[]): Promise<Output>;
  logs(): string;
};

/** Starts containerd, waits until it answers, and gives it the busybox image. */
export async function startContainerd(setting: ContainerdSetting): Promise<Containerd> {
  await using undo = new AsyncDisposableStack();
  started += 1;
  const group = `cocoon-net-test-${process.pid}-${started}`;
  const folder = join(setting.folder, "containerd");
  const socket = join(folder, "containerd.sock");
  await prepare(setting, folder, socket);
  undo.defer(() => removeGroups(group));
  undo.defer(() => endShims(socket));
  // Not `ip netns exec`, which mounts a /sys without the control groups that a container needs.
  const command = ["containerd", "--config", join(folder, "config.toml")];
  const sandbox = [SANDBOX_SCRIPT, join(folder, "scratch"), setting.conflists, setting.plugins];
  const own = ["unshare", "--mount", "--propagation", "slave"];
  const enterNetwork = ["nsenter", `--net=${setting.namespace.path}`];
  const daemon = undo.use(start([...enterNetwork, ...own, ...sandbox, ...command]));
  const enter = [
    "nsenter",
    `--net=${setting.namespace.path}`,
    `--mount=/proc/${daemon.pid}/ns/mnt`,
  ];
  const ctrCommand = [...enter, "ctr", "--address", socket, "--namespace", group];
  const ctr = (argv: readonly string[]): Promise<Output> => attempt([...ctrCommand, ...argv]);
  const must = (argv: readonly string[]): Promise<string> => run([...ctrCommand, ...argv]);
  await waitFor(
    async () => {
      if (daemon.exit() !== undefined) {
        throw new Error(`containerd ended:\n${daemon.stderr()}`);
      }
      return (await ctr(["version"])).code === 0;
    },
    { what: "containerd to answer" },
  );
  await must(["image", "import", ...SNAPSHOTS, await buildImage(folder)]);
  const live = new Set<Container>();
  undo.defer(async () => {
    for (const container of live) {
      await container.remove();
    }
  });
  const cleanUp = undo.move();
  return {
    ctr,
    logs: () => daemon.stderr(),
    async runContainer(id) {
      const runner = start([...ctrCommand, "run", "--rm", "--cni", ...IMAGE_OPTIONS, id]);
      const container = await reach(id, runner, must).catch(async (error: unknown) => {
        // What ctr leaves of a container whose network failed: a process that waits to be started, and its control group.
        await ctr(["task", "delete", "--force", id]);
        await ctr(["container", "delete", id]);
        throw error;
      });
      live.add(container);
      return container;
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

async function reach(
  id: string,
  runner: Running,
  must: (argv: readonly string[]) => Promise<string>,
): Promise<Container> {
  const pid = await waitFor(
    async () => {
      if (runner.exit() !== undefined) {
        throw new Error(`container ${id} ended at once:\n${runner.stdout()}${runner.stderr()}`);
      }
      // The runtime calls ADD after the task is made and before it runs.
      return new RegExp(`^${id} +(\\d+) +RUNNING`, "m").exec(await must(["task", "list"]))?.[1];
    },
    { what: `container ${id} to run` },
  );
  let executed = 0;
  const exec = async (argv: readonly string[]): Promise<string> => {
    executed += 1;
    return must(["task", "exec", "--exec-id", `exec-${executed}`, id, ...argv]);
  };
  return {
    id,
    netns: `/proc/${pid}/ns/net`,
    exec,
    async address() {
      const text = await exec(["ip", "-4", "-o", "addr", "show", "dev", "eth0"]);
      const ip = / inet ([\d.]+)\//.exec(text)?.[1];
      if (ip === undefined) {
        throw new Error(`container ${id} has no IPv4 address on eth0:\n${text}`);
      }
      return ip;
    },
    async remove() {
      if (runner.exit() === undefined) {
        await must(["task", "kill", "--signal", "SIGKILL", id]);
      }
      // Its own end is what makes ctr call DEL and remove the container.
      const { stderr } = await runner.exited;
      if (stderr.includes("failed to remove network")) {
        throw new Error(`container ${id} is gone, its network is not:\n${stderr}`);
      }
    },
  };
}

async function prepare(setting: ContainerdSetting, folder: string, socket: string): Promise<void> {
  for (const path of [folder, join(folder, "scratch"), setting.conflists, setting.plugins]) {
    await mkdir(path, { recursive: true });
  }
  await linkStockPlugins(setting.plugins);
  // Only what runs containers: no CRI, no snapshotters that need a file system of their own kind.
  const snapshotters = ["aufs", "btrfs", "devmapper", "zfs"];
  const disabled = snapshotters.map((name) => `io.containerd.snapshotter.v1.${name}`);
  disabled.push("io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt");
  const lines = [
    "version = 2",
    `root = ${JSON.stringify(join(folder, "root-of-containerd"))}`,
    `state = ${JSON.stringify(join(folder, "state"))}`,
    `disabled_plugins = ${JSON.stringify(disabled)}`,
    "[grpc]",
    `address = ${JSON.stringify(socket)}`,
  ];
  await writeFile(join(folder, "config.toml"), `${lines.join("\n")}\n`);
}

/** Ends the shims of this containerd, known by its socket: they outlive it by design. */
export async function endShims(socket: string): Promise<void> {
  await waitFor(
    async () => {
      const pids = await shimsOf(socket);
      for (const pid of pids) {
        await attempt(["kill", "-9", pid]);
      }
      return pids.length === 0;
    },
    { what: `the end of the shims of ${socket}` },
  );
}

/** Process IDs of the shims of the containerd with that socket; only of that container when one is named. */
export async function shimsOf(socket: string, container?: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const commands = await Promise.all(
    // A process may end between the listing and the reading.
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")),
  );
  return pids.filter((_, index) => {
    const words = commands[index]?.split("\0") ?? [];
    const isShim = words[0]?.includes("containerd-shim") === true && words.includes(socket);
    return isShim && (container === undefined || words.includes(container));
  });
}

/** The runtime leaves the empty parent of its containers' control groups, in each hierarchy. */
async function removeGroups(group: string): Promise<void> {
  const hierarchies = ["", ...(await readdir(CGROUP_FOLDER))];
  for (const hierarchy of hierarchies) {
    const path = join(CGROUP_FOLDER, hierarchy, group);
    // Absent in most; in use until the kernel has buried the last process.
    await waitFor(() => rmdir(path).then(() => true, isAbsent), { what: `the removal of ${path}` });
  }
}

/** Of a failed removal: whether there was nothing to remove. */
const isAbsent = (thrown: unknown): boolean =>
  thrown instanceof Error &&
  "code" in thrown &&
  (thrown.code === "ENOENT" || thrown.code === "ENOTDIR");
