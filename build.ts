// Builds everything that is shipped into dist/: the CNI plugin (native, and for Node), and the cocoon-net command.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import * as path from "node:path";
import { build, type BuildOptions, type Metafile, type Plugin } from "esbuild";
import { modulesOf, removeOthers } from "#packaging/command-modules.ts";
import { cCompiler } from "#packaging/compiler.ts";
import { keepPreparedEngine } from "#packaging/engine-image.ts";

const ROOT = import.meta.dirname;
const DIST = path.join(ROOT, "dist");
const PARTS = path.join(DIST, "parts");
/** Folder beside the command's bundle for the parts that are loaded when they are used. */
const MODULES = "modules";
/** Outlives `dist/`: compiling QuickJS takes half a minute, and only changes with its sources or flags. */
const CACHE = path.join(ROOT, "node_modules", ".cache", "cocoon-net");
const QUICKJS = path.join(ROOT, "node_modules", "qjsc", "deps", "quickjs_2021_03_27");
/** Where a package puts Node and the bundles. */
const INSTALLED_NODE = "/usr/lib/cocoon-net/bin/node";

const COMPILE_FLAGS = [
  "-O2",
  "-D_GNU_SOURCE",
  '-DCONFIG_VERSION="2021-03-27"',
  // assert() names its file: without this it would be the path of the machine that built it.
  `-ffile-prefix-map=${ROOT}/=`,
  "-ffunction-sections",
  "-fdata-sections",
];
const LINK_FLAGS = [
  "-static",
  "-no-pie",
  "-s",
  "-Wl,--gc-sections",
  "-Wl,-z,relro,-z,noexecstack",
  "-Wl,--wrap=gettimeofday",
];
const WARNING_FLAGS = ["-Wall", "-Wextra", "-Werror"];
const ENGINE_SOURCES = ["quickjs", "libregexp", "libunicode", "cutils"];

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

/**
 * An import of a module of Node's asks it for everything that it exports, also for what it only loads when asked: fetch,
 * HTTP/2, streams of files, 45 of the 50 milliseconds that node:http takes. What this gives is asked for the names in use.
 */
const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup(bundler) {
    bundler.onResolve({ filter: /^node:/ }, ({ path: name, kind }) =>
      kind === "import-statement" ? { path: name, namespace: "lazy" } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: "lazy" }, ({ path: name }) => ({
      contents: `module.exports = process.getBuiltinModule(${JSON.stringify(name)});`,
    }));
  },
};

/** Metrics are scraped, never pushed: the client that would push them loads HTTP with TLS at every start. */
const withoutPushing: Plugin = {
  name: "without-pushing",
  setup(bundler) {
    bundler.onLoad({ filter: /prom-client\/lib\/pushgateway\.js$/ }, () => ({ contents: "" }));
  },
};

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

/** Folder with the engine's objects and its bytecode compiler, made once for each set of sources, flags and compiler. */
function buildEngine(compiler: string): string {
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
