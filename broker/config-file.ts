// The config file: bounded YAML, every key known, nested maps read as dotted keys.

import { readFileSync } from "node:fs";
import { parse as parseYaml } from "yaml";
import { BrokerError } from "#core/errors.ts";
import type { Setting } from "./setting.ts";
import { settings } from "./settings.ts";

/** A larger config file is refused. */
export const CONFIG_FILE_LIMIT_BYTES = 256 * 1024;

/** The file's settings by key, nested maps joined by dots. */
export function readConfigFile(
  path: string,
  named: boolean,
  readFile: (path: string) => string | undefined,
): ReadonlyMap<string, unknown> {
  const text = readFile(path);
  if (text === undefined) {
    if (!named) return new Map();
    throw new BrokerError("invalid-config", `config file ${path} does not exist`, {
      hint: "correct --config (or COCOON_NET_CONFIG), or leave it out",
    });
  }
  const found = flatten("", parseFile(path, text));
  const known = new Set(Object.values<Setting>(settings).map((setting) => setting.key));
  for (const key of found.keys()) {
    if (known.has(key)) continue;
    const nearest = nearestKey(key, known);
    throw new BrokerError("invalid-config", `config file ${path}: unknown key ${key}`, {
      hint:
        nearest === undefined
          ? "remove it; docs/config.md lists every key"
          : `did you mean ${nearest}?`,
    });
  }
  return found;
}

function parseFile(path: string, text: string): Record<string, unknown> {
  let content: unknown;
  try {
    // Aliases can blow a small file up; settings need none.
    content = parseYaml(text, { maxAliasCount: 0, logLevel: "error" });
  } catch (thrown) {
    const why = thrown instanceof Error ? (thrown.message.split("\n")[0] ?? "") : String(thrown);
    throw new BrokerError("invalid-config", `config file ${path} is not YAML: ${why}`, {
      hint: "correct the file",
      cause: thrown,
    });
  }
  if (content === null || content === undefined) return {};
  if (typeof content === "object" && !Array.isArray(content))
    return content as Record<string, unknown>;
  throw new BrokerError(
    "invalid-config",
    `config file ${path} holds ${Array.isArray(content) ? "a list" : "a single value"}, not keys with values`,
    {
      hint: "write one setting per line, for example: bridge: cni0",
    },
  );
}

function flatten(prefix: string, map: object): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [key, value] of Object.entries(map)) {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [inner, leaf] of flatten(`${prefix}${key}.`, value)) flat.set(inner, leaf);
    } else flat.set(prefix + key, value);
  }
  return flat;
}

/** The known key at most three edits away, so that a slip of the finger is named. */
function nearestKey(key: string, known: ReadonlySet<string>): string | undefined {
  const simple = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, "");
  const ranked = [...known].map((candidate) => ({
    candidate,
    distance: editDistance(simple(key), simple(candidate)),
  }));
  const best = ranked.toSorted((one, other) => one.distance - other.distance)[0];
  return best !== undefined && best.distance <= 3 ? best.candidate : undefined;
}

function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const replace = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(replace, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}

/** The text of a file; undefined when there is none. */
export function readSmallFile(path: string): string | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw new BrokerError(
      "invalid-config",
      `config file ${path} cannot be read: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
      {
        hint: "make it readable, or name another with --config",
        cause: thrown,
      },
    );
  }
  if (bytes.length <= CONFIG_FILE_LIMIT_BYTES) return bytes.toString("utf8");
  throw new BrokerError(
    "invalid-config",
    `config file ${path} has ${bytes.length} bytes, more than ${CONFIG_FILE_LIMIT_BYTES}`,
    { hint: "name the right file with --config" },
  );
}
