// iptables through the backend that holds the host's rules: nft or legacy, never both.

import { readFileSync } from "node:fs";
import { BrokerError } from "#core/errors.ts";
import { runCommand } from "./command.ts";

export type FirewallBackend = "nft" | "legacy";
export type FirewallTable = "filter" | "nat";

export interface FirewallState {
  readonly backend: FirewallBackend;
  /** Lines of iptables-save by table; empty where the table has never been used. */
  readonly tables: Readonly<Record<FirewallTable, readonly string[]>>;
}

export interface Firewall {
  observe(): Promise<FirewallState>;
  /** One iptables-restore --noflush: each table is changed at once or not at all. */
  restore(text: string): Promise<void>;
  /** Deletes an nft table that holds nothing but built-in chains that accept; any other stays, and so do legacy tables. */
  dropEmpty(table: FirewallTable): Promise<void>;
}

/** Chains whose names begin so are ours and say nothing about the host's backend. */
export const OWN_CHAINS = "COCOON-NET-";
/** Seconds to wait for another program's iptables lock. */
const LOCK_WAIT = "5";
/** Where a kernel lists the legacy tables in use in this namespace. */
const LEGACY_TABLES = "/proc/net/ip_tables_names";

export function openFirewall(): Firewall {
  let backend: FirewallBackend | undefined;
  const observe = async (): Promise<FirewallState> => {
    const saved = { nft: await save("nft"), legacy: await save("legacy") };
    backend = await chooseBackend(saved);
    const text = saved[backend];
    return { backend, tables: { filter: linesOf(text, "filter"), nat: linesOf(text, "nat") } };
  };
  return {
    observe,
    async restore(text) {
      const chosen = backend ?? (await observe()).backend;
      await runCommand(`iptables-${chosen}-restore`, ["-w", LOCK_WAIT, "--noflush"], text);
    },
    async dropEmpty(table) {
      const { backend: chosen, tables } = await observe();
      if (chosen !== "nft" || !isEmpty(tables[table])) return;
      await unlessNotInstalled(runCommand("nft", ["delete", "table", "ip", table]));
    },
  };
}

/** Other owners' rules decide; then ours that stand already; then what `iptables` means on this host. */
async function chooseBackend(saved: Record<FirewallBackend, string>): Promise<FirewallBackend> {
  const nft = countRules(saved.nft);
  const legacy = countRules(saved.legacy);
  if (nft.foreign !== legacy.foreign) return nft.foreign > legacy.foreign ? "nft" : "legacy";
  if (nft.ours !== legacy.ours) return nft.ours > legacy.ours ? "nft" : "legacy";
  const version = await unlessNotInstalled(runCommand("iptables", ["-V"]));
  return version.includes("legacy") ? "legacy" : "nft";
}

function countRules(saved: string): { foreign: number; ours: number } {
  const rules = saved.split("\n").filter((line) => line.startsWith("-A"));
  const ours = rules.filter((line) => line.includes(OWN_CHAINS)).length;
  return { ours, foreign: rules.length - ours };
}

/**
 * Every table in use. Never one table by name: that would load the legacy module, and nft would show a table that does not
 * exist.
 */
async function save(backend: FirewallBackend): Promise<string> {
  if (backend === "legacy" && legacyTables() === "") return "";
  return unlessNotInstalled(runCommand(`iptables-${backend}-save`, []));
}

/** The lines from `*table` to its COMMIT; none when the table has never been used. */
function linesOf(saved: string, table: FirewallTable): readonly string[] {
  const lines = saved.split("\n");
  const start = lines.indexOf(`*${table}`);
  return start < 0 ? [] : lines.slice(start, lines.indexOf("COMMIT", start));
}

/** A host without the program has no rules to see; writing some then fails and says so. */
async function unlessNotInstalled(running: Promise<string>): Promise<string> {
  try {
    return await running;
  } catch (thrown) {
    if (thrown instanceof BrokerError && isMissing(thrown.cause)) return "";
    throw thrown;
  }
}

const isEmpty = (lines: readonly string[]): boolean =>
  lines.every(
    (line) => !line.startsWith("-A") && (!line.startsWith(":") || line.includes(" ACCEPT ")),
  );

function legacyTables(): string {
  try {
    return readFileSync(LEGACY_TABLES, "utf8").trim();
  } catch (thrown) {
    if (isMissing(thrown)) return "";
    throw thrown;
  }
}

const isMissing = (thrown: unknown): boolean =>
  thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT";
