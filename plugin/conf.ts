// Looks into the network configuration for the few things the plugin itself must know; the broker judges the rest.
import { asObject, asText, parseObject } from "./json.ts";

/** What the plugin uses of a configuration; defaults where it is silent or broken. */
export interface ConfPeek {
  /** As written; undefined when absent or not of the form 1.2.3. */
  cniVersion: string | undefined;
  /** Absolute path of the broker's socket. */
  socket: string;
  /** Absolute path of the folder for releases that no broker took. */
  spool: string;
}

export const DEFAULT_SOCKET = "/run/cocoon-net/broker.sock";
export const DEFAULT_SPOOL = "/var/lib/cocoon/net/spool";

/** Never fails: a broken configuration must still release addresses through the default paths. */
export function peekConf(text: string): ConfPeek {
  const conf = parseObject(text) ?? {};
  const ipam = asObject(conf["ipam"]) ?? {};
  return {
    cniVersion: versionOf(conf["cniVersion"]),
    socket: absolutePath(ipam["socket"]) ?? DEFAULT_SOCKET,
    spool: absolutePath(ipam["spool"]) ?? DEFAULT_SPOOL,
  };
}

/** PATH_MAX of Linux (linux/limits.h). */
const MAX_PATH_LENGTH = 4096;
const MAX_VERSION_LENGTH = 32;

/** The working directory is the runtime's affair, so that a relative path would name nothing in particular. */
function absolutePath(value: unknown): string | undefined {
  const path = asText(value);
  if (path === undefined || !path.startsWith("/") || path.length > MAX_PATH_LENGTH)
    return undefined;
  return path.includes("\0") ? undefined : path;
}

function versionOf(value: unknown): string | undefined {
  const version = asText(value);
  if (version === undefined || version.length > MAX_VERSION_LENGTH) return undefined;
  const parts = version.split(".");
  return parts.length === 3 && parts.every(isNumber) ? version : undefined;
}

function isNumber(text: string): boolean {
  return text.length > 0 && Array.from(text).every((digit) => digit >= "0" && digit <= "9");
}
