// A machine on which cocoon-net is installed, as its service sees it: default paths, nothing of the real machine changed.

import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { layOutFolder } from "#packaging/tree.ts";
import { askSocket, type Answer } from "#test/netns/broker.ts";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { attempt, run, start, type Output, type Running } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import type { Confinement } from "./confinement.ts";

const CONFINE = resolve(import.meta.dirname, "confine.ts");
/** What systemd gives to every service. */
const SERVICE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";

/**
 * Overlays take every change to /etc, /opt, /usr and /var; /run is new but for the namespaces. Mounts are shared from here
 * on, as systemd has them, so that a service's mount namespace gets what is mounted later.
 */
const MAKE_HOST = `set -e
upper=$1/upper; run=$1/run
mkdir -p "$upper" "$run"
mount -t tmpfs tmpfs "$upper"
for folder in etc opt usr var; do
  mkdir "$upper/$folder" "$upper/$folder.work"
  mount -t overlay -o "lowerdir=/$folder,upperdir=$upper/$folder,workdir=$upper/$folder.work" overlay "/$folder"
done
mount -t tmpfs tmpfs "$run"
mkdir -p "$run/netns" "$run/systemd" "$run/cocoon-net" /var/lib/cocoon/net /etc/cni/net.d /opt/cni/bin /usr/lib/cocoon-net
mount --rbind /run/netns "$run/netns"
mount --bind "$1/systemd" "$run/systemd"
mount --rbind "$run" /run
mount --bind "$1/package" /usr/lib/cocoon-net
cp /usr/lib/cni/bridge /opt/cni/bin/
mount --make-rshared /
echo made
exec sleep infinity`;

export type ServiceHost = AsyncDisposable & {
  /** Runs a command on it, unconfined; throws unless the exit code is 0. */
  exec(argv: readonly string[]): Promise<string>;
  attempt(argv: readonly string[], input?: string, env?: Record<string, string>): Promise<Output>;
  spawn(argv: readonly string[]): Running;
  /** Starts a command under a confinement, with the environment that systemd would give it. */
  confine(confinement: Confinement, argv: readonly string[], env?: Record<string, string>): Running;
  /** A path on it, as the test's own process reaches it. */
  path(path: string): string;
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
};

/** Where systemd listens for a service's notifications: `systemd/notify` in the folder of `serviceHost`. */
export const NOTIFY_SOCKET = "/run/systemd/notify";

/** Lays the package out in `folder` (empty) and runs `cocoon-net install`, with `namespace` as the machine's network. */
export async function serviceHost(
  namespace: NetworkNamespace,
  folder: string,
): Promise<ServiceHost> {
  await mkdir(join(folder, "systemd"));
  layOutFolder(join(folder, "package"));
  const holder = namespace.spawn(
    ["unshare", "--mount", "--propagation", "private", "sh", "-c", MAKE_HOST, "sh", folder],
    {},
  );
  await waitFor(() => holder.stdout().includes("made") || holder.exit() !== undefined, {
    what: "the machine of the service",
  });
  if (holder.exit() !== undefined) throw new Error(`no machine: ${holder.stderr()}`);
  const enter = ["nsenter", "--target", String(holder.pid), "--mount", "--net", "--"];
  const outside = (path: string): string => `/proc/${holder.pid}/root${path}`;
  const host: ServiceHost = {
    exec: (argv) => run([...enter, ...argv]),
    attempt: (argv, input = "", env = {}) => attempt([...enter, ...argv], { input, env }),
    spawn: (argv) => start([...enter, ...argv]),
    confine: (confinement, argv, env = {}) =>
      start([...enter, ...confined(confinement, argv, env)]),
    path: outside,
    ask: (method, path, body) =>
      askSocket(outside("/run/cocoon-net/broker.sock"), method, path, body),
    async [Symbol.asyncDispose]() {
      await holder[Symbol.asyncDispose]();
    },
  };
  await host.exec(["/usr/lib/cocoon-net/cocoon-net", "install"]);
  return host;
}

function confined(
  confinement: Confinement,
  argv: readonly string[],
  env: Record<string, string>,
): string[] {
  const variables = Object.entries({ PATH: SERVICE_PATH, LANG: "C.UTF-8", ...env });
  const systemd = ["env", "--ignore-environment"].concat(
    variables.map(([name, value]) => `${name}=${value}`),
    ["unshare", "--mount", "--propagation", "slave", "--", "prlimit", ...confinement.limits, "--"],
  );
  return [...systemd, process.execPath, CONFINE, JSON.stringify(confinement), ...argv];
}
