// CNI calls as an attacker makes them: real confs, damaged as JSON trees and as text, with environments to match.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Random } from "#test/torture/random.ts";
import { mutateText } from "./mutate.ts";

/** No damaged call may name the network or the containers of those who behave. */
export const FUZZ_NETWORK = "fuzznet";
const CONTAINERS = 500;
const VERBS = ["ADD", "ADD", "ADD", "CHECK", "DEL", "DEL", "STATUS", "GC"] as const;
const MAX_DAMAGES = 4;
/** Deep enough to find who recurses without a limit; the plugin has one at 100. */
const DEPTHS = [10, 99, 101, 20_000] as const;
const LONG = [64, 65, 129, 1_025, 70_000] as const;

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

export interface Call {
  readonly verb: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

const corpusFile = z.array(z.json());

/** Confs without a name: that is each call's own. */
export const confCorpus: readonly Json[] = corpusFile.parse(
  JSON.parse(readFileSync(join(import.meta.dirname, "corpus/confs.json"), "utf8")),
);
const keys = [...new Set(confCorpus.flatMap(keysOf))];

/** `text` of an earlier conf that was worth keeping may stand in for one of the corpus. */
export function makeCall(random: Random, seeds: readonly string[]): Call {
  const verb = random.pick(VERBS);
  return { verb, env: environment(verb, random), stdin: makeConf(random, seeds) };
}

function makeConf(random: Random, seeds: readonly string[]): string {
  let tree: Json = random.pick(confCorpus);
  for (let count = random.below(MAX_DAMAGES); count > 0; count -= 1) tree = damage(tree, random);
  const conf = isObject(tree) ? { cniVersion: "1.1.0", ...tree, name: FUZZ_NETWORK } : tree;
  let text = unfolded(JSON.stringify(conf));
  if (random.chance(1 / 8)) text = random.pick(seeds);
  if (random.chance(1 / 4)) text = mutateText(text, random.pick(seeds), random);
  return text;
}

function environment(verb: string, random: Random): Record<string, string> {
  const env: Record<string, string> = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: `fuzz-${random.below(CONTAINERS)}`,
    CNI_IFNAME: "eth0",
    CNI_NETNS: "/run/netns/none",
    CNI_PATH: "/opt/cni/bin",
  };
  if (random.chance(1 / 4)) env["CNI_ARGS"] = "IgnoreUnknown=1;K8S_POD_NAME=web;IP=10.207.3.9";
  if (random.chance(1 / 6)) {
    const name = random.pick(["CNI_ARGS", "CNI_IFNAME", "CNI_NETNS", "CNI_COMMAND"]);
    env[name] = mutateText(env[name] ?? "IP=10.207.1.1;MAC=02:00:00:00:00:01", "a=b;;=", random);
  }
  return env;
}

/** Changes one place of the tree, however deep. */
function damage(tree: Json, random: Random): Json {
  if (isList(tree) && tree.length > 0 && random.chance(0.8)) {
    const at = random.below(tree.length);
    return random.chance(0.2)
      ? [...tree, ...tree]
      : tree.map((item, index) => (index === at ? damage(item, random) : item));
  }
  if (isObject(tree) && random.chance(0.85)) {
    const names = Object.keys(tree);
    const name = random.chance(0.8) && names.length > 0 ? random.pick(names) : random.pick(keys);
    const { [name]: old = null, ...rest } = tree;
    return random.chance(0.1) ? rest : { ...rest, [name]: damage(old, random) };
  }
  return replacement(tree, random);
}

function replacement(old: Json, random: Random): Json {
  if (typeof old === "string" && random.chance(0.6))
    return mutateText(old, "10.207.255.255/33", random);
  switch (random.below(10)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick([-1, 0, 0.5, 1e308, 2 ** 53, 4_294_967_296]);
    case 3:
      return "x".repeat(random.pick(LONG));
    case 4:
      return [];
    case 5:
      return {};
    case 6:
      return nested(random.pick(DEPTHS));
    case 7:
      return [old, old];
    case 8:
      return random.pick(["10.207.2.7", "::1", "10.207.0.0/16", "0.0.0.0/0", "fd00::/8", ""]);
    default:
      return random.pick(confCorpus);
  }
}

/** Stands in the tree for brackets in brackets, which would be too deep to write from a tree. */
const nested = (depth: number): string => `nested ${depth}`;

const unfolded = (text: string): string =>
  text.replaceAll(/"nested (\d+)"/g, (_, depth: string) => {
    const levels = Math.min(Number(depth), Math.max(...DEPTHS));
    return "[".repeat(levels) + "]".repeat(levels);
  });

function keysOf(tree: Json): string[] {
  if (isList(tree)) return tree.flatMap(keysOf);
  return isObject(tree)
    ? Object.entries(tree).flatMap(([key, value]) => [key, ...keysOf(value)])
    : [];
}

function isList(tree: Json): tree is readonly Json[] {
  return Array.isArray(tree);
}

function isObject(tree: Json): tree is { readonly [key: string]: Json } {
  return typeof tree === "object" && tree !== null && !isList(tree);
}
