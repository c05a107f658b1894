// What can be seen of a machine's network, mounts and CNI folders, as text: two such pictures are compared.
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { attempt, run } from "#test/netns/process.ts";

/** Folders that a node's parts would write to on a real node. */
const FOLDERS = ["/etc/cni", "/opt/cni", "/run/netns", "/run/containerd", "/run/cocoon-net"];
const MORE_FOLDERS = ["/var/lib/cocoon", "/var/lib/cni", "/var/lib/containerd", "/etc/cocoon-net"];
/** Numbers that the kernel moves by itself. */
const MOVING_SYSCTLS = /nf_conntrack_count|\/tcp_fastopen_key$|\/random\//;

/** One section per subject; equal pictures mean that nothing was left behind. */
export type Picture = Record<string, string[]>;

/** Reads the machine as it is now; changes nothing. */
export async function picture(): Promise<Picture> {
  return {
    links: sorted(await run(["ip", "-o", "link", "show"])),
    addresses: sorted(withoutLifetimes(await run(["ip", "-o", "address", "show"]))),
    routes: sorted(await run(["ip", "route", "show", "table", "all"])),
    "routing rules": sorted(await run(["ip", "rule", "show"])),
    iptables: firewall(await run(["iptables-save"])),
    ip6tables: firewall(await run(["ip6tables-save"])),
    nftables: firewall(await run(["nft", "list", "ruleset"])),
    sysctls: await sysctls("/proc/sys/net"),
    mounts: sorted(await readFile("/proc/self/mounts", "utf8")).filter(isNotOfOtherTests),
    "control groups": sorted((await attempt(["find", "/sys/fs/cgroup", "-type", "d"])).stdout),
    files: await files([...FOLDERS, ...MORE_FOLDERS]),
  };
}

/** Processes that carry `NAME=value` in their environment, hence descend from the one that was given it. */
export async function descendants(mark: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found: string[] = [];
  for (const pid of pids) {
    // It may have ended since it was listed.
    const environment = await readFile(`/proc/${pid}/environ`, "utf8").catch(() => "");
    if (environment.split("\0").includes(mark)) {
      found.push(`${pid} ${await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "ended")}`);
    }
  }
  return found;
}

function sorted(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .toSorted();
}

function withoutLifetimes(text: string): string {
  return text.replaceAll(/\d+sec/g, "");
}

/** Rules without the counters and dates that move by themselves; their order matters and stays. */
function firewall(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.replace(/\[\d+:\d+\]/, "").replace(/packets \d+ bytes \d+/, ""));
}

async function sysctls(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found = entries.map(async (entry): Promise<string[]> => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return sysctls(path);
    }
    // Some can only be written.
    const value = await readFile(path, "utf8").catch(() => "unreadable");
    return MOVING_SYSCTLS.test(path) ? [] : [`${path} ${value.trim()}`];
  });
  return (await Promise.all(found)).flat().toSorted();
}

async function files(folders: readonly string[]): Promise<string[]> {
  // A folder's time and size follow from what is in it, which is listed.
  const format = ["-type", "d", "-printf", "%p %y %m\\n", "-o", "-printf", "%p %y %m %s %T@\\n"];
  // Most of the folders are absent on a machine that is no node.
  const { stdout } = await attempt(["find", ...folders, "-xdev", ...format]);
  return sorted(stdout).filter(isNotOfOtherTests);
}

/**
 * Namespaces of other test processes that run now come and go beside this one. The demo is process 1 of its own process
 * namespace, so that what it left would be named after 1.
 */
function isNotOfOtherTests(line: string): boolean {
  const owner = Number(/\/run\/netns\/cn(\d+)-/.exec(line)?.[1] ?? process.pid);
  return owner === process.pid || owner === 1 || !existsSync(`/proc/${owner}`);
}
