// All cases in their order, and the table of the README that tells what is driven and why.

import { allocationCases } from "./cases-allocation.ts";
import { confCases } from "./cases-conf.ts";
import { orderCases } from "./cases-order.ts";
import { skeletonCases } from "./cases-skeleton.ts";
import type { Case, Subject } from "./subject.ts";

export const cases: readonly Case[] = [
  ...allocationCases,
  ...orderCases,
  ...confCases,
  ...skeletonCases,
];

const drivenWords: Readonly<Record<Case["driven"], string>> = {
  outside: "from outside",
  unit: "by a unit test",
  no: "not at all",
};

/** The README's text. */
export function describeCases(subjects: readonly Subject[]): string {
  const rows = cases.map(({ id, title, driven, eachVersion, why }) => [
    id,
    title,
    `${drivenWords[driven]}${eachVersion === true ? ", each version" : ""}`,
    why,
  ]);
  const departures = subjects.flatMap(({ name, departures: own }) =>
    Object.entries(own).map(([id, { why, run }]) => [
      name,
      id,
      run === undefined ? "not driven" : "driven otherwise",
      why,
    ]),
  );
  const parts = [
    HEAD,
    table([["case", "what", "driven", "why"], ...rows]),
    "Where a plugin departs from the cases on purpose:",
    table([["plugin", "case", "how", "why"], ...departures]),
  ];
  return `${parts.join("\n\n")}\n`;
}

const HEAD = `# Conformance of IPAM plugins

The harness drives any IPAM plugin by real processes: variables, a conf on stdin, JSON on stdout. A \`Subject\` (subject.ts) names
the executable, the versions it must speak, the cases in which it departs on purpose, and gives each case a state of its own. It
runs on ours and, as a check of itself, on Debian's host-local. The cases are those of host-local's own suite (2A) and of libcni's
skeleton (2C), by their numbers in our list of what peers do. "Each version" means each spec version that the plugin speaks.

This file is written by \`npx vitest run test/conformance/readme.test.ts -u\` and compared by the same test.`;

/** A Markdown table with padded columns, as the formatter writes it. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join(" | ")} |`;
  const rule = (widths ?? []).map((width) => "-".repeat(width));
  const [head, ...body] = rows;
  return [line(head ?? []), line(rule), ...body.map(line)].join("\n");
}
