// Real child processes of tests: run to the end, or kept with their output until they are stopped.
import { spawn as spawnChild, type ChildProcess } from "node:child_process";
import { waitFor } from "#test/netns/wait-for.ts";

/** Bytes kept of each output; a process that says more than this is not a test's. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** The longest a command that is waited for may take, in milliseconds. */
export const COMMAND_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;

export type Output = { code: number | null; signal: string | null; stdout: string; stderr: string };

export type RunOptions = {
  env?: Record<string, string>;
  input?: string | Uint8Array;
  /** Milliseconds; COMMAND_LIMIT_MS when absent. The process is killed at the limit. */
  limit?: number;
  cwd?: string;
};

export type Running = AsyncDisposable & {
  readonly pid: number;
  stdout(): string;
  stderr(): string;
  /** Undefined while it runs. */
  exit(): Output | undefined;
  exited: Promise<Output>;
  write(text: string): void;
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL when it has not gone within `limit` milliseconds. */
  stop(limit?: number): Promise<Output>;
};

/** Starts a command; disposing kills it and waits for its end. */
export function start(argv: readonly string[], options: RunOptions = {}): Running {
  const [command, ...parameters] = argv;
  if (command === undefined) {
    throw new Error("no command was given");
  }
  const child = spawnChild(command, parameters, {
    stdio: "pipe",
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: { ...process.env, ...options.env } }),
  });
  return running(child, argv, options.input);
}

function running(
  child: ChildProcess,
  argv: readonly string[],
  input: string | Uint8Array | undefined,
): Running {
  const outputs = { stdout: "", stderr: "" };
  let ended: Output | undefined;
  const keep = (name: "stdout" | "stderr", text: string): void => {
    outputs[name] = (outputs[name] + text).slice(-MAX_OUTPUT_BYTES);
  };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => keep("stdout", text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => keep("stderr", text));
  // A process may end without reading its input: its exit code tells, the broken pipe does not.
  child.stdin?.on("error", (error) => keep("stderr", `[input: ${error.message}]`));
  if (input !== undefined) {
    child.stdin?.end(input);
  }
  const exited = new Promise<Output>((resolve, reject) => {
    child.on("error", (error) =>
      reject(new Error(`cannot start ${argv.join(" ")}: ${error.message}`)),
    );
    child.on("close", (code, signal) => {
      ended = { code, signal, ...outputs };
      resolve(ended);
    });
  });
  // Whoever awaits `exited` sees the failure; a caller that never does must not bring the test run down.
  exited.catch(() => undefined);
  const stop = async (limit = STOP_LIMIT_MS): Promise<Output> => {
    child.kill("SIGTERM");
    try {
      await waitFor(() => ended !== undefined, { limit, what: `the end of ${argv[0]}` });
    } catch {
      child.kill("SIGKILL");
    }
    return exited;
  };
  return {
    pid: child.pid ?? 0,
    stdout: () => outputs.stdout,
    stderr: () => outputs.stderr,
    exit: () => ended,
    exited,
    write: (text) => void child.stdin?.write(text),
    kill: (signal) => void child.kill(signal),
    stop,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exited.catch(() => undefined);
    },
  };
}

/** Runs a command to its end, whatever its exit code. */
export async function attempt(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const process = start(argv, { ...options, input: options.input ?? "" });
  const limit = options.limit ?? COMMAND_LIMIT_MS;
  const timer = setTimeout(() => process.kill("SIGKILL"), limit);
  try {
    return await process.exited;
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command to its end and gives its standard output; throws with all it said unless its exit code is 0. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await attempt(argv, options);
  if (output.code !== 0) {
    const end = output.signal ?? `exit code ${output.code}`;
    throw new Error(`${argv.join(" ")}: ${end}\n${output.stdout}${output.stderr}`);
  }
  return output.stdout;
}
