// Compiles QuickJS, the script engine of the native plugin, once for each set of sources, flags and compiler.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";

const ROOT = path.dirname(import.meta.dirname);
/** Outlives `dist/`: compiling QuickJS takes half a minute, and only changes with its sources or flags. */
const CACHE = path.join(ROOT, "node_modules", ".cache", "cocoon-net");
export const QUICKJS = path.join(ROOT, "node_modules", "qjsc", "deps", "quickjs_2021_03_27");

export const COMPILE_FLAGS = [
  "-O2",
  "-D_GNU_SOURCE",
  '-DCONFIG_VERSION="2021-03-27"',
  // assert() names its file: without this it would be the path of the machine that built it.
  `-ffile-prefix-map=${ROOT}/=`,
  "-ffunction-sections",
  "-fdata-sections",
];
export const ENGINE_SOURCES = ["quickjs", "libregexp", "libunicode", "cutils"];

/** Folder with the engine's objects and its bytecode compiler, made once for each set of sources, flags and compiler. */
export function buildEngine(compiler: string): string {
  const names = [...ENGINE_SOURCES, "quickjs-libc", "qjsc"];
  const hash = createHash("sha256").update(JSON.stringify([compiler, COMPILE_FLAGS]));
  hash.update(execFileSync(compiler, ["--version"]));
  for (const name of fs.readdirSync(QUICKJS).filter((entry) => /\.[ch]$/.test(entry))) {
    hash.update(name).update(fs.readFileSync(path.join(QUICKJS, name)));
  }
  const folder = path.join(CACHE, `quickjs-${hash.digest("hex").slice(0, 16)}`);
  if (fs.existsSync(folder)) return folder;
  process.stdout.write("compiling QuickJS, once ...\n");
  fs.mkdirSync(CACHE, { recursive: true });
  const unfinished = fs.mkdtempSync(`${folder}.`);
  for (const name of names)
    run(
      compiler,
      [...COMPILE_FLAGS, "-w", "-c", path.join(QUICKJS, `${name}.c`), "-o", `${name}.o`],
      unfinished,
    );
  run(
    compiler,
    ["-o", "qjsc", ...names.map((name) => `${name}.o`), "-lm", "-ldl", "-lpthread"],
    unfinished,
  );
  try {
    fs.renameSync(unfinished, folder);
  } catch (error) {
    // Two builds at the same time make the same: the first one's stays.
    fs.rmSync(unfinished, { recursive: true });
    if (!fs.existsSync(folder)) throw error;
  }
  return folder;
}

function run(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
}
