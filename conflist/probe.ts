// Asks plugin binaries which CNI versions they speak.

import { spawn } from "node:child_process";
import { join } from "node:path";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { PluginVersions } from "./conflist.ts";

/** A plugin answers VERSION within milliseconds; one that does not is killed. */
export const PROBE_LIMIT_MS = 5_000;
const MAX_OUTPUT_BYTES = 64 * 1_024;
/** VERSION needs only the command; the oldest plugins want to see the other variables as well. */
const environment = {
  CNI_COMMAND: "VERSION",
  CNI_CONTAINERID: "none",
  CNI_NETNS: "none",
  CNI_IFNAME: "none",
  CNI_PATH: "none",
};

/** Probes each plugin in `folder`, at once. Throws a BrokerError (`system-failure`) that names the first that failed. */
export function probeVersions(
  folder: string,
  plugins: readonly string[],
): Promise<readonly PluginVersions[]> {
  return Promise.all(
    plugins.map(async (plugin) => ({ plugin, versions: await probePlugin(join(folder, plugin)) })),
  );
}

/** Runs the binary with CNI_COMMAND=VERSION (CNI spec 1.1.0) and answers with its `supportedVersions`. */
export async function probePlugin(binary: string): Promise<readonly string[]> {
  try {
    return readVersions(await run(binary));
  } catch (thrown) {
    const message = `cannot learn the CNI versions of ${binary}: ${toBrokerError(thrown).message}`;
    const hint =
      "install the plugin (package containernetworking-plugins, or cocoon-net install), or name its folder with --cni-bin-dir";
    throw new BrokerError("system-failure", message, { hint, cause: thrown });
  }
}

async function run(binary: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const child = spawn(binary, [], { env: environment, stdio: ["pipe", "pipe", "ignore"] });
  const timer = setTimeout(
    () => reject(new Error(`no answer within ${PROBE_LIMIT_MS / 1_000} s`)),
    PROBE_LIMIT_MS,
  );
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (part: string) => {
    output += part;
    if (output.length > MAX_OUTPUT_BYTES)
      reject(new Error(`more than ${MAX_OUTPUT_BYTES} bytes of answer`));
  });
  // A plugin that exits without reading breaks the pipe; its answer is what counts.
  child.stdin.on("error", () => undefined);
  child.on("error", reject);
  child.on("close", (code, signal) => {
    if (code === 0) resolve(output);
    else
      reject(
        new Error(
          code === null
            ? `killed by ${signal}`
            : `exit code ${code}: ${output.trim().slice(0, 200)}`,
        ),
      );
  });
  child.stdin.end(`{"cniVersion":"1.0.0"}`);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
    child.stdout.destroy();
  }
}

function readVersions(output: string): readonly string[] {
  const answer: unknown = JSON.parse(output);
  const versions =
    typeof answer === "object" && answer !== null && "supportedVersions" in answer
      ? answer.supportedVersions
      : undefined;
  if (!Array.isArray(versions)) throw new Error("an answer without supportedVersions");
  return versions.filter((version) => typeof version === "string");
}
