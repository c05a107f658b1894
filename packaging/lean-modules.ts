// What esbuild leaves out of the command, so that it starts sooner.
import type { Plugin } from "esbuild";

/** Of this one Node loads some exports when they are only looked at, as the bundle does with each: it sees none but those in use. */
const LOADED_BY_A_LOOK = "node:util";

/**
 * An import of a module of Node's asks it for everything that it exports, also for what it only loads when asked: fetch,
 * HTTP/2, streams of files, 45 of the 50 milliseconds that node:http takes. What this gives is asked for the names in use.
 */
export const lazyBuiltins: Plugin = {
  name: "lazy-builtins",
  setup(bundler) {
    bundler.onResolve({ filter: /^node:/ }, ({ path: name, kind }) =>
      kind === "import-statement" ? { path: name, namespace: "lazy" } : undefined,
    );
    bundler.onLoad({ filter: /.*/, namespace: "lazy" }, ({ path: name }) => ({
      contents: `module.exports = ${exportsOf(name)};`,
    }));
  },
};

function exportsOf(name: string): string {
  const builtin = `process.getBuiltinModule(${JSON.stringify(name)})`;
  return name === LOADED_BY_A_LOOK ? `Object.create(${builtin})` : builtin;
}

/** Metrics are scraped, never pushed: the client that would push them loads HTTP with TLS at every start. */
export const withoutPushing: Plugin = {
  name: "without-pushing",
  setup(bundler) {
    bundler.onLoad({ filter: /prom-client\/lib\/pushgateway\.js$/ }, () => ({ contents: "" }));
  },
};
