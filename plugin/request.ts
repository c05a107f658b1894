// Gathers what the broker needs to serve one call: environment, configuration, time stamp, identities of namespaces.
import { type FileIdentity, type Host, HostError } from "./host.ts";
import { readAll } from "./stream.ts";

/** Limit of the configuration on standard input and of a request's body. */
export const MAX_REQUEST_BYTES = 1024 * 1024;

/** When the call began: orders a late ADD against a later DEL of the same container. */
export interface Stamp {
  /** Random identity of this boot of the machine; empty where /proc does not give it. */
  bootId: string;
  /** CLOCK_BOOTTIME in nanoseconds, decimal. */
  boottime: string;
}

/** Body of POST /v1/cni. */
export interface CallRequest {
  version: string;
  env: Record<string, string>;
  stdin: string;
  stamp: Stamp;
  netns?: FileIdentity;
  ownNetns?: FileIdentity;
}

const VARIABLES = [
  "CNI_COMMAND",
  "CNI_CONTAINERID",
  "CNI_NETNS",
  "CNI_IFNAME",
  "CNI_ARGS",
  "CNI_PATH",
  "CNI_NETNS_OVERRIDE",
] as const;

/** Taken first of all, so that time spent reading does not count. */
export function takeStamp(host: Host): Stamp {
  const boottime = host.boottime();
  return { bootId: readBootId(host), boottime };
}

export function buildRequest(
  host: Host,
  version: string,
  stamp: Stamp,
  stdin: string,
): CallRequest {
  const env: Record<string, string> = {};
  for (const name of VARIABLES) {
    const value = host.environment(name);
    if (value !== undefined) env[name] = value;
  }
  const path = env["CNI_NETNS"] ?? "";
  const netns = path === "" ? undefined : identityOf(host, path);
  const ownNetns = identityOf(host, "/proc/self/ns/net");
  return { version, env, stdin, stamp, ...(netns && { netns }), ...(ownNetns && { ownNetns }) };
}

/** A namespace that is gone has no identity: that is for the broker to judge. */
function identityOf(host: Host, path: string): FileIdentity | undefined {
  try {
    return host.identity(path);
  } catch (error) {
    if (error instanceof HostError) return undefined;
    throw error;
  }
}

const BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id";
const MAX_BOOT_ID_BYTES = 64;

function readBootId(host: Host): string {
  try {
    const descriptor = host.openForReading(BOOT_ID_PATH);
    try {
      return host.decode(readAll(host, descriptor, MAX_BOOT_ID_BYTES) ?? new Uint8Array(0)).trim();
    } finally {
      host.close(descriptor);
    }
  } catch (error) {
    if (error instanceof HostError) return "";
    throw error;
  }
}
