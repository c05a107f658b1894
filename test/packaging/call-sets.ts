// Which system calls SystemCallFilter= leaves to a service: its words, and the sets they name.

import { execFileSync } from "node:child_process";

/** systemd's named sets, as this machine's systemd defines them. */
export function callSets(): Map<string, string[]> {
  const sets = new Map<string, string[]>();
  let members: string[] = [];
  for (const line of execFileSync("systemd-analyze", ["syscall-filter", "--no-pager"], {
    encoding: "utf8",
    // It remarks on kernels that do not list their calls.
    stdio: ["ignore", "pipe", "ignore"],
  }).split("\n")) {
    const name = line.trim();
    if (name === "" || name.startsWith("#")) continue;
    if (line.startsWith("@")) {
      members = [];
      sets.set(name, members);
    } else {
      members.push(name);
    }
  }
  return sets;
}

/** The calls that the filter's lines leave: @default always, then each line adds its words or, after a ~, takes them away. */
export function allowedCalls(
  lines: readonly string[],
  sets: ReadonlyMap<string, readonly string[]>,
): Set<string> {
  const expand = (word: string): string[] =>
    word.startsWith("@")
      ? (sets.get(word) ?? fail(`systemd knows no set ${word}`)).flatMap(expand)
      : [word];
  const allowed = new Set(expand("@default"));
  for (const line of lines) {
    for (const call of line.replace(/^~/, "").split(/\s+/).flatMap(expand)) {
      if (line.startsWith("~")) allowed.delete(call);
      else allowed.add(call);
    }
  }
  return allowed;
}

function fail(message: string): never {
  throw new Error(message);
}
