// Plants bugs one by one in a copy of the tree and lets the torture run find each within the budget of the tests.
// node test/torture/mutate.ts [--operations n] [--report file] [--only text]

import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Edit, type Planted, planted } from "./planted.ts";

const ROOT = resolve(import.meta.dirname, "../..");
/** What the torture run needs of the tree. */
const COPIED = ["core", "broker", "conflist", "provision", "test", "package.json", "tsconfig.json"];
const SEED = 20_261_121;
/** A tree whose run says nothing for so long is stuck, which counts as found. */
const LIMIT_MS = 240_000;

const { values } = parseArgs({
  options: {
    operations: { type: "string", default: "30000" },
    report: { type: "string" },
    only: { type: "string", default: "" },
  },
});

interface Verdict {
  readonly bug: string;
  readonly caught: boolean;
  /** Operations until then. */
  readonly after: number;
  readonly words: string;
}

const folder = mkdtempSync(join(tmpdir(), "planted-"));
try {
  for (const name of COPIED) cpSync(join(ROOT, name), join(folder, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  const sound = torture("nothing planted");
  if (sound.caught) throw new Error(`the tree fails as it is: ${sound.words}`);
  const verdicts = planted.filter(({ bug }) => bug.includes(values.only)).map(judge);
  for (const { bug, caught, after, words } of verdicts)
    process.stdout.write(
      `${caught ? "caught" : "MISSED"}  ${String(after).padStart(6)}  ${bug}\n${" ".repeat(16)}${words}\n`,
    );
  const report = {
    seed: SEED,
    commit: execFileSync("git", ["rev-parse", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim(),
    budget: Number(values.operations),
    planted: verdicts,
  };
  if (values.report !== undefined)
    writeFileSync(values.report, `${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = verdicts.every(({ caught }) => caught) ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function judge({ bug, edits }: Planted): Verdict {
  const before = edits.map(({ file }) => [file, readFileSync(join(folder, file), "utf8")] as const);
  for (const one of edits) plant(one);
  try {
    return torture(bug);
  } finally {
    for (const [file, text] of before) writeFileSync(join(folder, file), text);
  }
}

function plant({ file, find, put }: Edit): void {
  const path = join(folder, file);
  const text = readFileSync(path, "utf8");
  if (text.split(find).length !== 2) throw new Error(`${file} does not hold exactly once: ${find}`);
  writeFileSync(
    path,
    text.replace(find, () => put),
  );
}

function torture(bug: string): Verdict {
  const wanted = ["--seed", String(SEED), "--operations", values.operations, "--whole"];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(folder, "test/torture/in-process.ts"), ...wanted],
    { cwd: folder, encoding: "utf8", timeout: LIMIT_MS, killSignal: "SIGKILL" },
  );
  const found = /^after (\d+) operations: (?:Error: )?(.*)$/m.exec(stdout);
  const words =
    found?.[2] ??
    (status === 0 ? "" : (stderr.split("\n").find((line) => line.includes("Error")) ?? "stuck"));
  return {
    bug,
    caught: status !== 0,
    after: Number(found?.[1] ?? (status === 0 ? values.operations : 0)),
    words: words.slice(0, 200),
  };
}
