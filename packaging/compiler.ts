// Which C compiler makes the plugin: one whose C library starts a process with little work, where there is one.
import { execFileSync } from "node:child_process";

/**
 * glibc asks the processor for its features at each start, and in a virtual machine each of these questions is one to the
 * hypervisor: 0.3 ms in all, a third of what a call of the plugin takes. musl asks nothing.
 */
const COMPILERS = ["musl-gcc", "gcc"];

/** `$CC` if that is set, else the best there is; undefined where it cannot be run. */
export function cCompiler(): string | undefined {
  const wanted = process.env["CC"];
  return (wanted === undefined ? COMPILERS : [wanted]).find(runs);
}

function runs(compiler: string): boolean {
  try {
    execFileSync(compiler, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
