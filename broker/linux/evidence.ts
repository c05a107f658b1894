// What shows on this machine that addresses are in use, behind the core's Evidence port.

import { hash } from "node:crypto";
import { readFile, readdir, readlink, stat, statfs } from "node:fs/promises";
import { type Ip, type Mac, parseIp } from "#core/address.ts";
import type { Evidence, RouteTable } from "#core/ports.ts";
import { interfaceIndex } from "./libc.ts";
import { messageType } from "./netlink-codec.ts";
import type { Netlink } from "./netlink.ts";
import { everyNeighbour, neighbourState, readIp, readNeighbour } from "./route-codec.ts";

export interface EvidenceOptions {
  readonly netlink: Netlink;
  readonly routes: RouteTable;
  readonly bridge: string;
}
interface Seen {
  readonly ip: Ip;
  readonly mac?: Mac;
  readonly evidence: string;
}

/** Namespaces that one scan looks into, and processes that it asks for theirs. */
const NAMESPACE_LIMIT = 8_192;
const PROCESS_LIMIT = 131_072;
/** Magic number of nsfs (include/uapi/linux/magic.h): what a live namespace's file lies on. */
const NSFS = 0x6e73_6673;
const IN_USE =
  neighbourState.reachable |
  neighbourState.stale |
  neighbourState.delay |
  neighbourState.probe |
  neighbourState.permanent;

/** What says that a file, or the process it belongs to, is gone. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "ENOTDIR", "EINVAL"]);
/** What says that it is gone or not for us to see: enough to pass over it, never enough to call something absent. */
const GONE_OR_CLOSED: ReadonlySet<string> = new Set([...GONE, "EACCES", "EPERM"]);

export function openEvidence({ netlink, routes, bridge }: EvidenceOptions): Evidence {
  return {
    async attachment({ netns, identity }) {
      const found = await unless(GONE, stat(netns, { bigint: true }));
      if (found === undefined) return "absent";
      if (identity !== undefined) {
        const same = String(found.dev) === identity.dev && String(found.ino) === identity.ino;
        return same ? "present" : "absent";
      }
      const system = await unless(GONE, statfs(netns));
      return system?.type === NSFS ? "present" : "absent";
    },
    async scan(only) {
      if (only === "namespace") return namespaceAddresses();
      const standing = await routes.list();
      return [
        ...standing.map((route): Seen => ({ ...route, evidence: "route" })),
        ...(await neighbours(netlink, bridge)),
        ...(await namespaceAddresses()),
      ];
    },
  };
}

async function neighbours(netlink: Netlink, bridge: string): Promise<readonly Seen[]> {
  const link = interfaceIndex(bridge);
  if (link === undefined) return [];
  return netlink.dump(messageType.getNeighbour, everyNeighbour(), (message): Seen | undefined => {
    const entry = readNeighbour(message);
    if (entry?.link !== link || (entry.state & IN_USE) === 0 || entry.mac === undefined)
      return undefined;
    return isOrdinary(entry.ip)
      ? { ip: entry.ip, mac: entry.mac, evidence: "neighbour" }
      : undefined;
  });
}

/** Own addresses of every network namespace but ours that a process lives in. Processes may end while we look. */
async function namespaceAddresses(): Promise<readonly Seen[]> {
  const known = new Set([await readlink("/proc/self/ns/net")]);
  const seen: Seen[] = [];
  const processes = (await readdir("/proc")).filter((name) => /^[0-9]+$/.test(name));
  for (const process of processes.slice(0, PROCESS_LIMIT)) {
    if (known.size > NAMESPACE_LIMIT) break;
    const namespace = await unless(GONE_OR_CLOSED, readlink(`/proc/${process}/ns/net`));
    if (namespace !== undefined && known.has(namespace)) continue;
    const trie = await unless(GONE_OR_CLOSED, readFile(`/proc/${process}/net/fib_trie`, "utf8"));
    if (trie === undefined) continue;
    // A process that may not be traced hides which namespace it is in, but not the namespace's addresses.
    const identity = namespace ?? hash("sha256", trie);
    if (known.has(identity)) continue;
    known.add(identity);
    const six =
      (await unless(GONE_OR_CLOSED, readFile(`/proc/${process}/net/if_inet6`, "utf8"))) ?? "";
    const ips = new Set([...readTrie(trie), ...readInet6(six)]);
    for (const ip of ips) if (isOrdinary(ip)) seen.push({ ip, evidence: "namespace" });
  }
  return seen;
}

/** In fib_trie an own address is a leaf line with the address, followed by `/32 host LOCAL`. */
export function readTrie(trie: string): readonly Ip[] {
  const found: Ip[] = [];
  let leaf: Ip | undefined;
  for (const line of trie.split("\n")) {
    const [mark, rest] = line.trim().split(" ", 2);
    if (mark === "|--") leaf = parseIp(rest ?? "");
    else if (leaf !== undefined && line.includes("/32 host LOCAL")) found.push(leaf);
  }
  return found;
}

/** if_inet6 begins each line with 32 hexadecimal digits. */
export function readInet6(text: string): readonly Ip[] {
  return text.split("\n").flatMap((line) => {
    const digits = /^[0-9a-f]{32}/.exec(line)?.[0];
    const ip = digits === undefined ? undefined : readIp(Buffer.from(digits, "hex"));
    return ip === undefined ? [] : [ip];
  });
}

/** Not loopback, link-local or multicast: those say nothing about who holds what. */
const isOrdinary = (ip: Ip): boolean =>
  !/^(127\.|169\.254\.|2(2[4-9]|3[0-9])\.|fe[89ab]|ff)/.test(ip) &&
  ip !== "::1" &&
  ip !== "0.0.0.0";

/** `undefined` when reading fails with one of the codes. */
async function unless<Value>(
  codes: ReadonlySet<string>,
  reading: Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await reading;
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && codes.has(String(thrown.code)))
      return undefined;
    throw thrown;
  }
}
