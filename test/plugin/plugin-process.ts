// Runs one of the two plugin executables as a runtime does: environment, standard input, one process for each call.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Call {
  env: Record<string, string>;
  stdin?: string | Uint8Array;
  cwd?: string;
  /** Closes the reading end of the plugin's standard output at once. */
  deaf?: boolean;
  /** Runs the plugin under this command. */
  under?: readonly string[];
}

const DIST = path.join(import.meta.dirname, "..", "..", "dist");

/** The same source in both of its hosts; every table runs on each. */
export const EXECUTABLES = [
  ["native", path.join(DIST, "cocoon-ipam")],
  ["node", path.join(DIST, "cocoon-ipam.mjs")],
] as const;

for (const [, file] of EXECUTABLES)
  if (!existsSync(file)) throw new Error(`${file} is not built: run "node build.ts"`);

export const ADD_ENV = {
  CNI_COMMAND: "ADD",
  CNI_CONTAINERID: "container-1",
  CNI_NETNS: "/proc/self/ns/net",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
};
export const DEL_ENV = { ...ADD_ENV, CNI_COMMAND: "DEL" };

/** Resolves when the process has ended; its environment holds nothing but what the call gives. */
export function runPlugin(executable: string, call: Call): Promise<Finished> {
  const [wrapper, ...wrapped] = call.under ?? [];
  const child = spawn(
    wrapper ?? executable,
    wrapper === undefined ? [] : [...wrapped, executable],
    { env: call.env, cwd: call.cwd ?? "/" },
  );
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  if (call.deaf === true) child.stdout.destroy();
  else child.stdout.on("data", (part: Buffer) => output.push(part));
  child.stderr.on("data", (part: Buffer) => errors.push(part));
  // A plugin need not read its input to the end.
  child.stdin.on("error", () => undefined);
  child.stdin.end(call.stdin ?? "");
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({
        code,
        stdout: Buffer.concat(output).toString("utf8"),
        stderr: Buffer.concat(errors).toString("utf8"),
      }),
    );
  });
}

export interface TemporaryFolder extends Disposable {
  path: string;
}

export function temporaryFolder(): TemporaryFolder {
  const folder = mkdtempSync(path.join(tmpdir(), "cocoon-plugin-"));
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The configuration that a test's plugin gets: its own socket and spool folder. */
export function confFor(folder: string): Record<string, unknown> {
  return {
    cniVersion: "1.0.0",
    name: "cocoon-net",
    type: "bridge",
    ipam: { type: "cocoon-ipam", socket: `${folder}/broker.sock`, spool: `${folder}/spool` },
  };
}
