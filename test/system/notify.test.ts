// sd_notify against a real datagram socket. In a process of its own: the socket library does not work in worker threads.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import unixDgram from "unix-dgram";
import { createNotifier } from "#broker/notify.ts";

/** What systemd would be: a socket and the messages that came. */
function receiver() {
  const folder = mkdtempSync(join(tmpdir(), "cocoon-net-notify-"));
  const path = join(folder, "notify");
  const messages: string[] = [];
  const socket = unixDgram.createSocket("unix_dgram");
  socket.on("message", (bytes) => messages.push(bytes.toString()));
  socket.bind(path);
  return {
    path,
    messages,
    [Symbol.dispose]() {
      socket.close();
      rmSync(folder, { recursive: true });
    },
  };
}

test("ready, status, stopping", async () => {
  using systemd = receiver();
  const notifier = createNotifier({
    socket: systemd.path,
    onError: (message) => expect.unreachable(message),
  });
  notifier.ready("serving 10.88.100.0/24");
  notifier.status("two\nlines");
  notifier.stopping();
  await expect
    .poll(() => systemd.messages)
    .toEqual([
      "READY=1\nSTATUS=serving 10.88.100.0/24",
      "STATUS=two lines",
      "STOPPING=1\nSTATUS=stopping",
    ]);
  notifier.close();
});

test("the watchdog is fed while healthy, and not otherwise", async () => {
  using systemd = receiver();
  let healthy = true;
  let asked = 0;
  const notifier = createNotifier({
    socket: systemd.path,
    watchdogMicroseconds: 20_000,
    onError: (message) => expect.unreachable(message),
  });
  notifier.startWatchdog(() => {
    asked++;
    return healthy;
  });
  await expect.poll(() => systemd.messages.length).toBeGreaterThan(2);
  expect(new Set(systemd.messages)).toEqual(new Set(["WATCHDOG=1"]));
  healthy = false;
  const [fed, before] = [systemd.messages.length, asked];
  await expect.poll(() => asked).toBeGreaterThan(before + 3);
  // One message may have been on its way when health ended.
  expect(systemd.messages.length).toBeLessThanOrEqual(fed + 1);
  notifier.close();
});

test("without systemd nothing happens", () => {
  const notifier = createNotifier({ onError: (message) => expect.unreachable(message) });
  notifier.ready("x");
  notifier.startWatchdog(() => expect.unreachable("nobody watches"));
  notifier.close();
});

test.each([
  ["a socket that nobody listens on", "/nowhere/notify", "/nowhere/notify"],
  ["an abstract socket", "@systemd", "abstract sockets are not supported"],
])("%s is told once, and the broker goes on", (_what, socket, text) => {
  const faults: string[] = [];
  const notifier = createNotifier({ socket, onError: (message) => faults.push(message) });
  notifier.ready("x");
  notifier.status("y");
  notifier.close();
  expect(faults).toEqual([expect.stringContaining(text)]);
});
