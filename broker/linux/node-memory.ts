// What node set-up remembers between runs: one small file in the state folder, replaced whole.

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { BrokerError } from "#core/errors.ts";

export interface NodeMemory {
  readonly bootId: string;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly takenOver?: { readonly index: number; readonly mtu: number };
  readonly newTables?: readonly ("filter" | "nat")[];
}
export interface NodeMemoryFile {
  load(): NodeMemory;
  save(memory: NodeMemory): void;
}

/** After a reboot the kernel has its own values again, and what was remembered no longer counts. */
export function openNodeMemory(path: string, bootId: string): NodeMemoryFile {
  const nothing: NodeMemory = { bootId, sysctls: {} };
  let memory = read(path);
  if (memory?.bootId !== bootId) memory = undefined;
  return {
    load: () => memory ?? nothing,
    save(next) {
      try {
        const { sysctls, takenOver, newTables } = next;
        const empty =
          Object.keys(sysctls).length === 0 && takenOver === undefined && newTables === undefined;
        if (empty) rmSync(path, { force: true });
        else replace(path, `${JSON.stringify(next, null, 2)}\n`);
      } catch (thrown) {
        throw failure("write", path, thrown);
      }
      memory = next;
    },
  };
}

function read(path: string): NodeMemory | undefined {
  let content: string;
  try {
    content = readFileSync(path, "utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw failure("read", path, thrown);
  }
  const parsed = parse(content);
  if (parsed !== undefined) return parsed;
  throw failure("read", path, new Error("it is not what the broker writes"));
}

function parse(content: string): NodeMemory | undefined {
  let value: unknown;
  try {
    value = JSON.parse(content);
  } catch {
    return undefined;
  }
  if (!isRecord(value) || typeof value["bootId"] !== "string" || !isRecord(value["sysctls"]))
    return undefined;
  const { bootId, takenOver, newTables } = value;
  const sysctls: Record<string, string> = {};
  for (const [key, old] of Object.entries(value["sysctls"])) {
    if (isSettingName(key) && typeof old === "string") sysctls[key] = old;
  }
  const { index, mtu } = isRecord(takenOver) ? takenOver : {};
  const tables = Array.isArray(newTables) ? newTables : [];
  const known = (["filter", "nat"] as const).filter((table) => tables.includes(table));
  return {
    bootId,
    sysctls,
    ...(typeof index === "number" && typeof mtu === "number" ? { takenOver: { index, mtu } } : {}),
    ...(known.length === 0 ? {} : { newTables: known }),
  };
}

/** Nothing outside /proc/sys/net is ever written, whatever the file says. */
const isSettingName = (key: string): boolean =>
  /^net\/[\w./:@-]+$/.test(key) && !key.includes("..");

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function replace(path: string, content: string): void {
  const temporary = `${path}.new`;
  const file = openSync(temporary, "w", 0o600);
  try {
    writeSync(file, content);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

const failure = (what: string, path: string, cause: unknown): BrokerError =>
  new BrokerError(
    "system-failure",
    `cannot ${what} ${path}: ${cause instanceof Error ? cause.message : String(cause)}`,
    {
      cause,
      hint: "check the state folder; if the file is damaged, move it away: teardown then leaves sysctls as they are",
    },
  );
