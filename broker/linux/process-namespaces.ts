// Addresses inside the network namespaces of processes, as /proc shows them to whoever may not enter them.

import { hash } from "node:crypto";
import { readFile, readdir, readlink } from "node:fs/promises";
import { type Ip, parseIp } from "#core/address.ts";
import { readIp } from "./route-codec.ts";
import { GONE_OR_CLOSED, unless } from "./unless.ts";

export interface NamespaceAddress {
  readonly ip: Ip;
  /** One name for all addresses of a namespace. */
  readonly namespace: string;
}

/** Namespaces that one scan looks into, and processes that it asks for theirs. */
const NAMESPACE_LIMIT = 8_192;
const PROCESS_LIMIT = 131_072;

/** Own addresses of every network namespace but ours that a process lives in. Processes may end while we look. */
export async function namespaceAddresses(): Promise<readonly NamespaceAddress[]> {
  const known = new Set([await readlink("/proc/self/ns/net")]);
  const seen: NamespaceAddress[] = [];
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
    for (const ip of ips) if (isOrdinary(ip)) seen.push({ ip, namespace: identity });
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
export const isOrdinary = (ip: Ip): boolean =>
  !/^(127\.|169\.254\.|2(2[4-9]|3[0-9])\.|fe[89ab]|ff)/.test(ip) &&
  ip !== "::1" &&
  ip !== "0.0.0.0";
