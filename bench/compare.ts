// `node bench/compare.ts BASE [names...]`: builds this checkout and another revision of it, and prints what one is of the other.
// BASE may also be the folder of a checkout that is built already.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { compareDhcp, comparePlugin, compareRestart } from "./comparisons.ts";
import { LEAST_PAIRS, ratiosBetween } from "./measure.ts";
import { DIST } from "./node.ts";
import { measurementTable, ratioTable } from "./table.ts";

const ROOT = resolve(import.meta.dirname, "..");
const NAME = "compare";
const comparisons = { plugin: comparePlugin, dhcp: compareDhcp, restart: compareRestart } as const;

const { values, positionals } = parseArgs({
  options: {
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    built: { type: "boolean", default: false },
  },
  allowPositionals: true,
});
const [base = "", ...names] = positionals;
const { quick } = values;
const rounds = Number(values.rounds ?? (quick ? 1 : LEAST_PAIRS));
const unknown = names.filter((name) => !Object.hasOwn(comparisons, name));
if (base === "" || unknown.length > 0 || !(rounds > 0)) {
  const known = Object.keys(comparisons).join(" ");
  throw new Error(
    `usage: node bench/compare.ts [--rounds 5] [--quick] [--built] REVISION [${known}]`,
  );
}

await using folder = await temporaryFolder();
await using other = await checkout(base, folder.path);
if (!values.built) await run(["node", "build.ts"], ROOT);
const builds = [
  { name: "this", dist: DIST },
  { name: base, dist: other.dist },
] as const;
for (const [name, compare] of Object.entries(comparisons)) {
  if (names.length > 0 && !names.includes(name)) continue;
  const progress = (doing: string): void => void process.stderr.write(`${name}: ${doing}\n`);
  const measurements = await compare(builds, { rounds, quick, progress });
  const ratios = ratiosBetween(measurements, "this", base);
  const doubt = quick ? " (quick: these figures mean nothing)" : "";
  process.stdout.write(`\n${name}${doubt}\n\n${measurementTable({ measurements })}\n\n`);
  process.stdout.write(`${ratioTable(ratios)}\n`);
}

/** The revision in a folder of its own, built with this checkout's packages. */
async function checkout(
  revision: string,
  parent: string,
): Promise<AsyncDisposable & { readonly dist: string }> {
  const built = join(resolve(revision), "dist");
  if (existsSync(built)) return { dist: built, [Symbol.asyncDispose]: async () => undefined };
  const path = join(parent, NAME);
  await run(["git", "worktree", "add", "--quiet", "--detach", path, revision], ROOT);
  const remove = (): Promise<void> => run(["git", "worktree", "remove", "--force", path], ROOT);
  try {
    await symlink(join(ROOT, "node_modules"), join(path, "node_modules"));
    await run(["node", "build.ts"], path);
  } catch (thrown) {
    await remove();
    throw thrown;
  }
  return { dist: join(path, "dist"), [Symbol.asyncDispose]: remove };
}

async function run([program = "", ...rest]: readonly string[], cwd: string): Promise<void> {
  await promisify(execFile)(program === "node" ? process.execPath : program, rest, { cwd });
}
