// Task: follows the bridge with the DHCP socket, which stays with a device that is gone (SO_BINDTODEVICE binds an index).

import type { DhcpSocket } from "#broker/dhcp/socket-port.ts";
import { type Task, pause } from "./task.ts";

/** A look without any sign of a change, and after a failure, in milliseconds. */
const PERIOD = 5_000;

export interface DhcpKeeperOptions {
  readonly socket: Pick<DhcpSocket, "link" | "reopen">;
  /** Index of the bridge now; undefined while there is none. */
  readonly bridgeIndex: () => number | undefined;
  readonly reopened: () => void;
  readonly trouble: (what: string, error: Error) => void;
}

export interface DhcpKeeper extends Task {
  /** Links changed: look at once. */
  touch(): void;
}

export function createDhcpKeeper(options: DhcpKeeperOptions): DhcpKeeper {
  const { socket, bridgeIndex, reopened, trouble } = options;
  let early = new AbortController();
  return {
    name: "dhcp socket",
    touch: () => early.abort(),
    async run(signal) {
      while (!signal.aborted) {
        early = new AbortController();
        const index = bridgeIndex();
        if (index !== undefined && index !== socket.link) {
          try {
            await socket.reopen();
            reopened();
          } catch (thrown) {
            trouble("dhcp socket", thrown instanceof Error ? thrown : new Error(String(thrown)));
          }
        }
        await pause(PERIOD, AbortSignal.any([signal, early.signal]));
      }
    },
  };
}
