// Runs a subject's executable as a container runtime does: variables, conf on stdin, JSON on stdout.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import type {
  Address,
  CniError,
  ConfParts,
  Driver,
  EnvParts,
  Output,
  Sandbox,
  Subject,
} from "./subject.ts";

/** A plugin that takes longer is killed, and the case fails: runtimes do the same, later. */
const PLUGIN_DEADLINE_MS = 20_000;

export function createDriver(subject: Subject, sandbox: Sandbox, version: string): Driver {
  const run = (command: string, stdin: string | number, env: EnvParts = {}): Promise<Output> =>
    runPlugin(subject.plugin, stdin, { ...variables("pod1"), CNI_COMMAND: command, ...env });
  const conf = (parts: ConfParts = {}): string =>
    JSON.stringify({
      cniVersion: version,
      name: "mynet",
      ...parts,
      ipam: { ...sandbox.ipam, ...parts.ipam },
    });
  const call = (
    command: string,
    container: string,
    parts: ConfParts | string = {},
    env: EnvParts = {},
  ): Promise<Output> =>
    run(command, typeof parts === "string" ? parts : conf(parts), {
      ...variables(container),
      ...env,
    });

  async function succeed(
    command: string,
    container: string,
    parts?: ConfParts,
    env?: EnvParts,
  ): Promise<Output> {
    const output = await call(command, container, parts, env);
    if (output.exitCode !== 0)
      throw new Error(`${command} of ${container} failed: ${output.stdout}${output.stderr}`);
    return output;
  }

  async function isFree(ip: string, parts: ConfParts): Promise<boolean> {
    const asking = { ...parts, args: { cni: { ips: [ip] } } };
    const output = await call("ADD", "probe", asking);
    await succeed("DEL", "probe", parts);
    return output.exitCode === 0;
  }

  return {
    version,
    versions: subject.versions,
    folder: sandbox.folder,
    run,
    conf,
    isFree,
    add: (container, parts, env) => succeed("ADD", container, parts, env),
    addresses: async (container, parts, env) =>
      addressesOf(await succeed("ADD", container, parts, env)).map(({ address }) => address),
    error: async (command, container, parts, env) =>
      cniError(await call(command, container, parts, env)),
    killedAdd: async (container, parts, delay) => {
      const env = { ...variables(container), CNI_COMMAND: "ADD" };
      await runPlugin(subject.plugin, conf(parts), env, delay);
    },
    del: async (container, parts, env) => {
      await succeed("DEL", container, parts, env);
    },
  };
}

/** The addresses of a result of any version, in its order. */
export function addressesOf(output: Output): readonly Address[] {
  const result: { ips?: Address[]; ip4?: OldAddress; ip6?: OldAddress } = JSON.parse(output.stdout);
  if (result.ips !== undefined) return result.ips;
  return [result.ip4, result.ip6]
    .filter((old) => old !== undefined)
    .map(({ ip, ...rest }) => ({ address: ip, ...rest }));
}
interface OldAddress {
  readonly ip: string;
  readonly gateway?: string;
}

/** The error object on stdout, which a failed call must print whatever else is wrong. */
export function cniError(output: Output): CniError {
  if (output.exitCode === 0) throw new Error(`succeeded instead of failing: ${output.stdout}`);
  const parsed: Partial<CniError> = JSON.parse(output.stdout);
  const { code, msg } = parsed;
  if (typeof code !== "number" || typeof msg !== "string" || msg === "")
    throw new Error(`not a CNI error: ${output.stdout}`);
  return { ...parsed, code, msg };
}

/** The namespace's path leads nowhere: an IPAM plugin must not need it. */
const variables = (container: string): EnvParts => ({
  CNI_CONTAINERID: container,
  CNI_NETNS: "/run/netns/conformance-absent",
  CNI_IFNAME: "eth0",
  CNI_PATH: "/opt/cni/bin",
});

async function runPlugin(
  plugin: string,
  stdin: string | number,
  env: EnvParts,
  deadline = PLUGIN_DEADLINE_MS,
): Promise<Output> {
  const set = Object.entries(env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  const child: ChildProcess = spawn(plugin, [], {
    env: Object.fromEntries(set),
    stdio: [typeof stdin === "number" ? stdin : "pipe", "pipe", "pipe"],
    timeout: deadline,
    killSignal: "SIGKILL",
  });
  const { stdin: input, stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error("no pipes to the plugin");
  if (typeof stdin === "string") {
    // A plugin may answer without reading all of it (VERSION): that the pipe breaks then is no failure.
    input?.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EPIPE") throw error;
    });
    input?.end(stdin);
  }
  const [[exitCode], out, err] = await Promise.all([
    once(child, "close"),
    text(stdout),
    text(stderr),
  ]);
  return { exitCode: typeof exitCode === "number" ? exitCode : null, stdout: out, stderr: err };
}
