// Tells systemd how the broker is (sd_notify(3)): ready, status, alive, stopping.

import type { Logger } from "pino";
import unixDgram from "unix-dgram";
import { notifyEnvironment } from "./config.ts";

export interface Notifier {
  ready(status: string): void;
  status(text: string): void;
  /** Sends WATCHDOG=1 at half the time that systemd allows, as long as `healthy` says so. */
  startWatchdog(healthy: () => boolean): void;
  stopping(): void;
  /** Ends the watchdog and the socket. */
  close(): void;
}

/** Without a socket every method does nothing. `onError` hears once of each kind of failure; the service goes on. */
export function createNotifier(options: {
  readonly socket?: string;
  readonly watchdogMicroseconds?: number;
  readonly onError: (message: string) => void;
}): Notifier {
  const send = options.socket === undefined ? () => {} : sender(options.socket, options.onError);
  let watchdog: NodeJS.Timeout | undefined;
  return {
    ready: (status) => send(`READY=1\nSTATUS=${oneLine(status)}`),
    status: (text) => send(`STATUS=${oneLine(text)}`),
    startWatchdog(healthy) {
      if (options.socket === undefined || options.watchdogMicroseconds === undefined) return;
      clearInterval(watchdog);
      const half = Math.max(1, Math.floor(options.watchdogMicroseconds / 2_000));
      watchdog = setInterval(() => healthy() && send("WATCHDOG=1"), half);
      watchdog.unref();
    },
    stopping: () => send("STOPPING=1\nSTATUS=stopping"),
    close() {
      clearInterval(watchdog);
    },
  };
}

/** One datagram a message, each on a socket of its own: messages are rare, and a restarted receiver is found again. */
function sender(path: string, onError: (message: string) => void): (message: string) => void {
  const told = new Set<string>();
  const fail = (reason: string) => {
    if (!told.has(reason)) onError(`systemd cannot be told on ${path}: ${reason}`);
    told.add(reason);
  };
  if (!path.startsWith("/")) {
    fail("abstract sockets are not supported; systemd 220 and later give a path");
    return () => {};
  }
  return (message) => {
    const bytes = Buffer.from(message, "utf8");
    const socket = unixDgram.createSocket("unix_dgram");
    socket.on("error", (error: Error) => fail(error.message));
    socket.send(
      bytes,
      0,
      bytes.length,
      path,
      (error?: Error) => error !== undefined && fail(error.message),
    );
    socket.close();
  };
}

const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").slice(0, 512);

/** The one of this process, as systemd started it; nothing is told outside systemd. */
export const openNotifier = (log: Pick<Logger, "warn">): Notifier =>
  createNotifier({ ...notifyEnvironment(), onError: (message) => log.warn(message) });
