// A minimal Debian without Node, made once by debootstrap and kept beside the checkout's other downloads, unpacked for each test.

import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { attempt, run, type Output, type RunOptions, type Running } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

const CACHE = resolve(import.meta.dirname, "../../.setup/bare-root");
const DEBOOTSTRAP_LIMIT_MS = 900_000;

/** Every file system is mounted in a namespace of its own, so that nothing of it is left behind. */
const ENTER = `set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mkdir -p "$root/run/netns"
mount --rbind /run/netns "$root/run/netns"
exec chroot "$root" "$@"`;

export type BareRoot = {
  readonly path: string;
  run(argv: readonly string[], options?: RunOptions): Promise<string>;
  attempt(argv: readonly string[], options?: RunOptions): Promise<Output>;
  spawn(argv: readonly string[]): Running;
};

/** Unpacks the root into `folder` (empty); commands run in it with the network of `namespace`. */
export async function bareRoot(namespace: NetworkNamespace, folder: string): Promise<BareRoot> {
  await run(["tar", "-C", folder, "-xf", await rootArchive()], { limit: DEBOOTSTRAP_LIMIT_MS });
  const environment = "env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C".split(
    " ",
  );
  const shell = "unshare --mount --propagation private sh -c".split(" ");
  const enter = (argv: readonly string[]): string[] =>
    environment.concat(shell, [ENTER, "sh", folder], argv);
  return {
    path: folder,
    run: (argv, options) => namespace.exec(enter(argv), options),
    attempt: (argv, options) => namespace.attempt(enter(argv), options),
    spawn: (argv) => namespace.spawn(enter(argv)),
  };
}

/** The archive of the root; made when it is not there yet. */
async function rootArchive(): Promise<string> {
  const { codename, mirror } = await thisMachine();
  const archive = join(CACHE, `${codename}-amd64.tar`);
  if (existsSync(archive)) return archive;
  mkdirSync(CACHE, { recursive: true });
  await using folder = await temporaryFolder();
  const root = join(folder.path, "root");
  // iptables, because the .deb recommends it and dpkg alone does not bring what is recommended.
  const options = ["--variant=minbase", "--arch=amd64", "--include=iptables"];
  await run(["debootstrap", ...options, codename, root, mirror], { limit: DEBOOTSTRAP_LIMIT_MS });
  const unfinished = `${archive}.${process.pid}`;
  await run(
    ["tar", "-C", root, "--exclude=./var/cache/apt/archives/*.deb", "-cf", unfinished, "."],
    {
      limit: DEBOOTSTRAP_LIMIT_MS,
    },
  );
  renameSync(unfinished, archive);
  return archive;
}

/** The release that this machine runs and where its apt gets it from. */
async function thisMachine(): Promise<{ codename: string; mirror: string }> {
  const release = readFileSync("/etc/os-release", "utf8");
  const codename = /^VERSION_CODENAME="?(\w+)/m.exec(release)?.[1];
  if (codename === undefined) throw new Error("/etc/os-release names no VERSION_CODENAME");
  const format = ["--format", "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(SITE)"];
  const { stdout } = await attempt(["apt-get", "indextargets", ...format]);
  const mirror = new RegExp(`^Packages ${codename} main (\\S+)$`, "m").exec(stdout)?.[1];
  if (mirror === undefined) throw new Error(`apt has no source of ${codename} main:\n${stdout}`);
  return { codename, mirror };
}
