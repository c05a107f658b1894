// `node bench/report.ts`: puts the tables made from bench/results into docs/performance.md, between their marks.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promiseTable } from "./promise-table.ts";
import { promises } from "./promises.ts";
import { type Result, RESULTS, readResults } from "./result-file.ts";
import { measurementTable, ratioTable } from "./table.ts";

export const DOCUMENT = join(import.meta.dirname, "..", "docs", "performance.md");
/** `<!-- plugin -->` ... `<!-- end of plugin -->`, each on a line of its own. */
const SECTION = /^<!-- ([a-z]+) -->\n[\s\S]*?^<!-- end of \1 -->$/gm;

/** The document with every marked section made anew; throws where a result was made with --quick. */
export function withTables(document: string, results: ReadonlyMap<string, Result>): string {
  return document.replaceAll(SECTION, (_, name: string) => {
    if (name === "promises") return marked(name, promiseTable(promises, results));
    const result = results.get(name);
    if (result === undefined) return marked(name, `Not measured: \`node bench/run.ts ${name}\`.`);
    if (result.quick) throw new Error(`${name}.json is of a quick run: its figures mean nothing`);
    return marked(name, section(result));
  });
}

const marked = (name: string, text: string): string =>
  `<!-- ${name} -->\n\n${text}\n\n<!-- end of ${name} -->`;

function section(result: Result): string {
  const { processor, processors, memoryMiB, kernel, system, load } = result.machine;
  const gibibytes = Math.round(memoryMiB / 1_024);
  const where = `${processors} × ${processor}, ${gibibytes} GiB, ${system}, Linux ${kernel}, Node ${result.node}`;
  return [
    `Commit ${result.commit}, ${result.date}; ${where}; load before the run ${load}.`,
    ...(result.ratios.length === 0 ? [] : [ratioTable(result.ratios)]),
    measurementTable(result),
    result.notes.map((note) => `- ${note}`).join("\n"),
  ].join("\n\n");
}

if (import.meta.main) {
  const document = await readFile(DOCUMENT, "utf8");
  await writeFile(DOCUMENT, withTables(document, await readResults(RESULTS)));
}
