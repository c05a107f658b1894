// Kernel settings under /proc/sys.

import { readFileSync, writeFileSync } from "node:fs";
import { BrokerError } from "#core/errors.ts";

/**
 * Keys are paths below /proc/sys, for example `net/ipv4/ip_forward`. Reads and writes are synchronous on purpose: what
 * /proc/sys/net shows belongs to the thread that asks, and only this thread is surely in the broker's namespace.
 */
export interface Sysctls {
  /** `undefined` when there is no such setting here (a missing interface, or one that exists only outside namespaces). */
  read(key: string): string | undefined;
  /** Throws `permission-denied` or `system-failure`. */
  write(key: string, value: string): void;
}

export const sysctls: Sysctls = {
  read(key) {
    try {
      return readFileSync(`/proc/sys/${key}`, "utf8").trim();
    } catch (thrown) {
      if (isErrno(thrown, "ENOENT")) return undefined;
      throw failure("read", key, thrown);
    }
  },
  write(key, value) {
    try {
      writeFileSync(`/proc/sys/${key}`, `${value}\n`);
    } catch (thrown) {
      throw failure(`write ${value} to`, key, thrown);
    }
  },
};

function failure(what: string, key: string, cause: unknown): BrokerError {
  const denied = ["EACCES", "EPERM", "EROFS"].some((code) => isErrno(cause, code));
  return new BrokerError(
    denied ? "permission-denied" : "system-failure",
    `cannot ${what} /proc/sys/${key}: ${cause instanceof Error ? cause.message : String(cause)}`,
    { cause, hint: `set it on the host: sysctl -w ${key.replaceAll("/", ".")}` },
  );
}

const isErrno = (thrown: unknown, code: string): boolean =>
  thrown instanceof Error && "code" in thrown && thrown.code === code;
