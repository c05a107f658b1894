// Our chains as text for iptables-restore, and what iptables-save shows of them.

import type { DesiredChain } from "./desired.ts";
import type { NodeRules } from "./ports.ts";

export interface ObservedChain {
  readonly exists: boolean;
  readonly rules: readonly string[];
  /** How many rules of the built-in chain jump to ours, and whether the first one does. */
  readonly jumps: number;
  readonly first: boolean;
}

export function readChain(
  observed: NodeRules,
  { table, from, chain }: DesiredChain,
): ObservedChain {
  const lines = observed.tables[table];
  const rulesOf = (name: string) =>
    lines
      .filter((line) => line.startsWith(`-A ${name} `))
      .map((line) => line.slice(name.length + 4).trim());
  const builtIn = rulesOf(from);
  const jump = `-j ${chain}`;
  return {
    exists: lines.some((line) => line.startsWith(`:${chain} `)),
    rules: rulesOf(chain),
    jumps: builtIn.filter((rule) => rule === jump).length,
    first: builtIn[0] === jump,
  };
}

export function isInPlace(desired: DesiredChain, observed: ObservedChain): boolean {
  const same =
    desired.rules.length === observed.rules.length &&
    desired.rules.every((rule, index) => rule === observed.rules[index]);
  return observed.exists && observed.first && observed.jumps === 1 && same;
}

/** Replaces our chain and leaves one jump, first; one table's lines take effect together or not at all. */
export function chainText(desired: DesiredChain, observed: ObservedChain): string {
  const { table, from, chain, rules } = desired;
  return lines([
    `*${table}`,
    `:${chain} - [0:0]`,
    ...Array.from({ length: observed.jumps }, () => `-D ${from} -j ${chain}`),
    `-I ${from} 1 -j ${chain}`,
    ...rules.map((rule) => `-A ${chain} ${rule}`),
    "COMMIT",
  ]);
}

/** Takes chain and jumps away; empty when there is nothing of ours. */
export function removalText({ table, from, chain }: DesiredChain, observed: ObservedChain): string {
  if (!observed.exists) return "";
  return lines([
    `*${table}`,
    `:${chain} - [0:0]`,
    ...Array.from({ length: observed.jumps }, () => `-D ${from} -j ${chain}`),
    `-X ${chain}`,
    "COMMIT",
  ]);
}

const lines = (parts: readonly string[]): string => `${parts.join("\n")}\n`;
