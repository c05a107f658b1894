// Builds everything that is shipped into dist/: the CNI plugin (native, and for Node), and the cocoon-net command.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { build, type BuildOptions, type Metafile } from "esbuild";
import { modulesOf, removeOthers } from "#packaging/command-modules.ts";
import { cCompiler } from "#packaging/compiler.ts";
import { keepPreparedEngine } from "#packaging/engine-image.ts";
import { COMPILE_FLAGS, ENGINE_SOURCES, QUICKJS, buildEngine } from "#packaging/engine.ts";
import { lazyBuiltins, withoutPushing } from "#packaging/lean-modules.ts";

const ROOT = import.meta.dirname;
const DIST = path.join(ROOT, "dist");
const PARTS = path.join(DIST, "parts");
/** Folder beside the command's bundle for the parts that are loaded when they are used. */
const MODULES = "modules";
/** Where a package puts Node and the bundles. */
const INSTALLED_NODE = "/usr/lib/cocoon-net/bin/node";

const LINK_FLAGS = [
  "-static",
  "-no-pie",
  "-s",
  "-Wl,--gc-sections",
  "-Wl,-z,relro,-z,noexecstack",
  "-Wl,--wrap=gettimeofday",
];
const WARNING_FLAGS = ["-Wall", "-Wextra", "-Werror"];

/**
 * A small young generation is collected so often under load that much of it outlives a collection and must be collected
 * again among the old; a larger one is given back by broker/memory.ts, which calls the collector. Source maps
 * are left to whoever reads a trace: Node keeps the whole map (46 MiB) in every process that is given one.
 */
const NODE_FLAGS = "--max-semi-space-size=16 --expose-gc";

/** Finds the bundle beside its own real file, and Node in the package or in the checkout. */
const LAUNCHER = `#!/bin/sh
self=$(readlink -f -- "$0") || exit 1
folder=\${self%/*}
for node in "$folder/bin/node" "$folder/../node_modules/.bin/node" ${INSTALLED_NODE}; do
  if [ -x "$node" ]; then exec "$node" ${NODE_FLAGS} "$folder/cocoon-net.mjs" "$@"; fi
done
echo "cocoon-net: no Node 24 in $folder/bin, $folder/../node_modules/.bin or ${path.dirname(INSTALLED_NODE)}; install the package again, or run npm ci in the checkout" >&2
exit 1
`;

const version = packageVersion();
fs.mkdirSync(PARTS, { recursive: true });
await buildNodePlugin();
await buildNativePlugin();
await buildCommand();

function packageVersion(): string {
  const manifest: unknown = JSON.parse(fs.readFileSync(path.join(ROOT, "package.json"), "utf8"));
  if (
    typeof manifest === "object" &&
    manifest !== null &&
    "version" in manifest &&
    typeof manifest.version === "string"
  ) {
    return manifest.version;
  }
  throw new Error("package.json names no version");
}

async function buildNodePlugin(): Promise<void> {
  const file = path.join(DIST, "cocoon-ipam.mjs");
  await bundle("plugin/host-node.ts", file, {
    ...pluginOptions("node"),
    target: "node24",
    format: "esm",
    banner: { js: nodeHeader() },
  });
  fs.chmodSync(file, 0o755);
  report(file);
}

async function buildNativePlugin(): Promise<void> {
  const file = path.join(DIST, "cocoon-ipam");
  const compiler = cCompiler();
  if (compiler === undefined) {
    process.stdout.write(
      "no C compiler: dist/cocoon-ipam is the bundle for Node; install musl-tools and gcc and build again for the native one\n",
    );
    installByRename(file, (unfinished) =>
      fs.copyFileSync(path.join(DIST, "cocoon-ipam.mjs"), unfinished),
    );
    return;
  }
  const script = path.join(PARTS, "cocoon-ipam.js");
  await bundle("plugin/host-quickjs.ts", script, {
    ...pluginOptions("neutral"),
    target: "es2020",
    format: "iife",
  });
  const engine = buildEngine(compiler);
  const bytecode = path.join(PARTS, "plugin-bytecode.c");
  // The working directory keeps the machine's paths out of the bytecode's file names.
  run(
    path.join(engine, "qjsc"),
    ["-c", "-N", "plugin_bytecode", "-o", bytecode, path.basename(script)],
    PARTS,
  );
  const sources = ["main-quickjs.c", "host-quickjs.c", "text-quickjs.c", "memory-quickjs.c"].map(
    (name) => path.join(ROOT, "plugin", name),
  );
  const objects = ENGINE_SOURCES.map((name) => path.join(engine, `${name}.o`));
  installByRename(file, (unfinished) => {
    run(compiler, [
      ...COMPILE_FLAGS,
      ...WARNING_FLAGS,
      `-isystem${QUICKJS}`,
      ...LINK_FLAGS,
      "-o",
      unfinished,
      ...sources,
      bytecode,
      ...objects,
      "-lm",
    ]);
    keepPreparedEngine(unfinished, path.join(PARTS, "engine-image"));
  });
  report(file);
}

async function buildCommand(): Promise<void> {
  if (!fs.existsSync(path.join(ROOT, "cli", "main.ts"))) {
    process.stdout.write("cli/main.ts does not exist: dist/cocoon-net is not built\n");
    return;
  }
  const file = path.join(DIST, "cocoon-net.mjs");
  const before = modulesOf(`${file}.meta.json`, MODULES);
  await bundle("cli/main.ts", file, {
    // Each import() becomes a file of its own: no command reads, let alone runs, a cloud's libraries that it does not use.
    splitting: true,
    chunkNames: `${MODULES}/[name]-[hash]`,
    outExtension: { ".js": ".mjs" },
    platform: "node",
    target: "node24",
    format: "esm",
    sourcemap: true,
    external: ["lmdb", "koffi", "netlink", "unix-dgram"],
    plugins: [lazyBuiltins, withoutPushing],
    // Packages of the older module format call require, which modules do not have.
    banner: {
      js: 'import { createRequire as bannerCreateRequire } from "node:module"; const require = bannerCreateRequire(import.meta.url);',
    },
  });
  report(file);
  const made = modulesOf(`${file}.meta.json`, MODULES);
  // The last build's stay for one more: a command that runs now may still ask for one.
  removeOthers(path.join(DIST, MODULES), [...before, ...made]);
  installByRename(path.join(DIST, "cocoon-net"), (unfinished) =>
    fs.writeFileSync(unfinished, LAUNCHER, { mode: 0o755 }),
  );
}

function pluginOptions(platform: "node" | "neutral"): BuildOptions {
  return { platform, minify: true, define: { PLUGIN_VERSION: JSON.stringify(version) } };
}

async function bundle(entry: string, outfile: string, options: BuildOptions): Promise<void> {
  const result = await build({
    ...options,
    absWorkingDir: ROOT,
    ...(options.splitting === true
      ? { entryPoints: { [path.parse(outfile).name]: entry }, outdir: path.dirname(outfile) }
      : { entryPoints: [entry], outfile }),
    bundle: true,
    metafile: true,
    write: false,
    legalComments: "none",
    logLevel: "warning",
  });
  // The entry last: what it names is there before it is.
  const files = (result.outputFiles ?? []).toSorted(
    (one, other) => Number(one.path === outfile) - Number(other.path === outfile),
  );
  for (const made of files) {
    fs.mkdirSync(path.dirname(made.path), { recursive: true });
    // A command that starts meanwhile finds the old file or the new one, never a part.
    installByRename(made.path, (unfinished) => fs.writeFileSync(unfinished, made.contents), 0o644);
  }
  writeMetafile(path.basename(outfile), result.metafile);
}

function writeMetafile(name: string, metafile: Metafile | undefined): void {
  fs.writeFileSync(path.join(DIST, `${name}.meta.json`), JSON.stringify(metafile));
}

/**
 * The bundle's first lines: a shell script to the shell, a string and a comment to Node. It uses nothing from PATH,
 * takes what would change Node's behaviour out of the environment, and answers in CNI's form where there is no Node.
 */
function nodeHeader(): string {
  const candidates = [INSTALLED_NODE, fs.realpathSync(process.execPath)].map(quote).join(" ");
  const error =
    '{"cniVersion":"1.1.0","code":11,"msg":"cocoon-ipam has no Node to run it","details":"Hint: install the native cocoon-ipam, or Node 24 as ' +
    `${INSTALLED_NODE}."}`;
  const steps = [
    "unset NODE_OPTIONS NODE_CHANNEL_FD NODE_V8_COVERAGE LD_PRELOAD LD_LIBRARY_PATH",
    `for node in ${candidates}; do if [ -x "$node" ]; then exec "$node" "$0"; fi; done`,
    `echo ${quote(error)}`,
    "exit 1",
  ];
  return `#!/bin/sh\n':' //; ${steps.join("; ")}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A running executable cannot be written to (ETXTBSY): the new one takes its name. */
function installByRename(file: string, write: (unfinished: string) => void, mode = 0o755): void {
  const unfinished = `${file}.new`;
  fs.rmSync(unfinished, { force: true });
  write(unfinished);
  fs.chmodSync(unfinished, mode);
  fs.renameSync(unfinished, file);
}

function run(command: string, args: readonly string[], cwd: string = ROOT): void {
  execFileSync(command, args, { cwd, stdio: ["ignore", "inherit", "inherit"] });
}

function report(file: string): void {
  process.stdout.write(
    `${path.relative(ROOT, file)}: ${(fs.statSync(file).size / 1024).toFixed(1)} KiB\n`,
  );
}
