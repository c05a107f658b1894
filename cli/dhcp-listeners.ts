// Who listens on the port of DHCP servers in this network namespace.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

export interface DhcpListener {
  /** `undefined`: not told, for want of rights or of `ss`. */
  readonly program: string | undefined;
  readonly process: number | undefined;
  /** The link that it is bound to; `undefined`: it hears every link. */
  readonly device: string | undefined;
}

const SERVER_PORT = 67;
const DEADLINE_MS = 5_000;

/** `ss` knows programs and links; without it there is still the kernel's own list. */
export async function dhcpListeners(): Promise<readonly DhcpListener[]> {
  const count = listenersOn(SERVER_PORT, readFileSync("/proc/net/udp", "utf8"));
  if (count === 0) return [];
  const words = ["-H", "-4", "-u", "-l", "-n", "-p", "sport", "=", `:${SERVER_PORT}`];
  return promisify(execFile)("ss", words, { timeout: DEADLINE_MS }).then(
    ({ stdout }) => listenersIn(stdout),
    // No iproute2 here: how many there are is known all the same.
    () =>
      Array.from({ length: count }, () => ({
        program: undefined,
        process: undefined,
        device: undefined,
      })),
  );
}

/** Reads what `ss -H -u -l -n -p` prints, one socket a line. */
export function listenersIn(text: string): readonly DhcpListener[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const local = line.trim().split(/\s+/)[3] ?? "";
      const holder = /\("([^"]+)",pid=([0-9]+)/.exec(line);
      return {
        program: holder?.[1],
        process: holder === null ? undefined : Number(holder[2]),
        device: /%([^:]+):/.exec(local)?.[1],
      };
    });
}

/** How many sockets of /proc/net/udp are bound to the port, on whatever address. */
export function listenersOn(port: number, table: string): number {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table.split("\n").filter((line) => line.trim().split(/\s+/)[1]?.split(":")[1] === wanted)
    .length;
}
