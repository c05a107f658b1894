// The end of NOTIFY_SOCKET that is systemd's (sd_notify(3)): keeps what a service says of itself.

import { chmodSync } from "node:fs";
import unixDgram from "unix-dgram";

export type Notifications = Disposable & {
  /** Every line received, such as READY=1, in order. */
  readonly lines: string[];
};

export function listenForNotifications(path: string): Notifications {
  const lines: string[] = [];
  const socket = unixDgram.createSocket("unix_dgram");
  socket.on("message", (message) => lines.push(...message.toString("utf8").split("\n")));
  socket.bind(path);
  chmodSync(path, 0o666);
  return { lines, [Symbol.dispose]: () => socket.close() };
}
