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
}

/** Chains whose names begin so are ours and say nothing about the host's backend. */
export const OWN_CHAINS = "COCOON-NET-";
/** Seconds to wait for another program's iptables lock. */
const LOCK_WAIT = "5";
/** Where a kernel lists the legacy tables in use in this namespace. */
const LEGACY_TABLES = "/proc/net/ip_tables_names";

export function openFirewall(): Firewall {
  let backend: FirewallBackend | undefined;
  return {
    async observe() {
      backend = await chooseBackend();
      return {
        backend,
        tables: { filter: await save(backend, "filter"), nat: await save(backend, "nat") },
      };
    },
    async restore(text) {
      backend ??= await chooseBackend();
      await runCommand(`iptables-${backend}-restore`, ["-w", LOCK_WAIT, "--noflush"], text);
    },
  };
}

/** Other owners' rules decide; then ours that stand already; then what `iptables` means on this host. */
async function chooseBackend(): Promise<FirewallBackend> {
  const nft = await countRules("nft");
  const legacy = await countRules("legacy");
  if (nft.foreign !== legacy.foreign) return nft.foreign > legacy.foreign ? "nft" : "legacy";
  if (nft.ours !== legacy.ours) return nft.ours > legacy.ours ? "nft" : "legacy";
  return (await unlessNotInstalled(runCommand("iptables", ["-V"]))).includes("legacy")
    ? "legacy"
    : "nft";
}

async function countRules(backend: FirewallBackend): Promise<{ foreign: number; ours: number }> {
  if (backend === "legacy" && legacyTables() === "") return { foreign: 0, ours: 0 };
  const rules = (await saveAll(backend)).split("\n").filter((line) => line.startsWith("-A"));
  const ours = rules.filter((line) => line.includes(OWN_CHAINS)).length;
  return { ours, foreign: rules.length - ours };
}

async function saveAll(backend: FirewallBackend): Promise<string> {
  return unlessNotInstalled(runCommand(`iptables-${backend}-save`, []));
}

async function save(backend: FirewallBackend, table: FirewallTable): Promise<readonly string[]> {
  if (backend === "legacy" && !legacyTables().split("\n").includes(table)) return [];
  const saved = unlessNotInstalled(runCommand(`iptables-${backend}-save`, ["-t", table]));
  return (await saved).split("\n");
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
