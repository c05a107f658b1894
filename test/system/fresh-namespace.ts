// Moves this test process into a network namespace of its own; it vanishes with the process or the next call.

import { execFileSync } from "node:child_process";
import koffi from "koffi";

const CLONE_NEWNET = 0x40000000;
const unshare = koffi.load("libc.so.6").func("int unshare(int)") as (flags: number) => number;

/**
 * Only the calling thread moves: synchronous calls, sockets and child processes are inside, asynchronous file reads of
 * /proc are not.
 */
export function enterFreshNamespace(): void {
  if (unshare(CLONE_NEWNET) !== 0) {
    throw new Error(`cannot make a network namespace (errno ${koffi.errno()}): run as root`);
  }
  run("ip link set lo up");
}

/** Runs a command line of plain words and answers its standard output. */
export function run(line: string, input?: string): string {
  const [command = "", ...words] = line.split(" ");
  return execFileSync(command, words, {
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
    maxBuffer: 256 * 1024 * 1024,
    ...(input === undefined ? {} : { input }),
  });
}
