// Starts the plugin under Node, where no native executable could be built: the same system calls through node:fs and node:net.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { connect, type Socket } from "node:net";
import { uptime } from "node:os";

import { type Connection, EAGAIN, type Host, HostError } from "./host.ts";
import { run } from "./main.ts";

declare const PLUGIN_VERSION: string;

const EIO = 5;
const EPROTO = 71;
/** How long to rest when a descriptor that does not block has nothing to give or no room. */
const REST_MILLISECONDS = 2;

/** Runs the call; a kernel error becomes a HostError, anything else passes. */
function attempt<T>(call: string, subject: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw toHostError(call, subject, error);
  }
}

function toHostError(call: string, subject: string, error: unknown): HostError {
  if (error instanceof HostError) return error;
  const negative = error instanceof Error && "errno" in error ? error.errno : undefined;
  return new HostError(call, subject, typeof negative === "number" ? -negative : EIO);
}

/** As a blocking descriptor would: repeats while the kernel says EAGAIN. */
function untilReady(call: string, descriptor: number, action: () => number): number {
  for (;;) {
    try {
      return attempt(call, `descriptor ${descriptor}`, action);
    } catch (error) {
      if (!(error instanceof HostError) || error.errno !== EAGAIN) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REST_MILLISECONDS);
    }
  }
}

const NANOSECONDS_PER_TICK = 10_000_000n;

/**
 * CLOCK_MONOTONIC plus the time spent suspended. Node gives CLOCK_BOOTTIME only in ticks of 10 ms, so that
 * on a machine that was suspended the stamp is that coarse; elsewhere both clocks are the same.
 */
function boottime(): string {
  const monotonic = process.hrtime.bigint();
  const suspended = BigInt(Math.round(uptime() * 100)) * NANOSECONDS_PER_TICK - monotonic;
  const both = suspended < NANOSECONDS_PER_TICK && suspended > -2n * NANOSECONDS_PER_TICK;
  return (both ? monotonic : monotonic + suspended).toString();
}

/** A file never waits. A pipe gets a second description, which does not block; sockets have none and count as empty. */
function readAvailable(into: Uint8Array): number | undefined {
  let descriptor: number | undefined;
  try {
    if (fs.fstatSync(0).isFile()) return fs.readSync(0, into);
    descriptor = fs.openSync("/proc/self/fd/0", fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    return fs.readSync(descriptor, into);
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  }
}

function createFile(path: string): number {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;
  const descriptor = fs.openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  fs.fchmodSync(descriptor, 0o600);
  return descriptor;
}

function open(path: string, timeoutMilliseconds: number): Promise<Connection> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path });
    socket.setTimeout(timeoutMilliseconds, () =>
      socket.destroy(new HostError("wait for", path, EAGAIN)),
    );
    const refuse = (error: Error): void => reject(toHostError("connect to", path, error));
    socket.once("error", refuse);
    socket.once("connect", () => {
      socket.off("error", refuse);
      resolve(connectionOn(socket, path));
    });
  });
}

function connectionOn(socket: Socket, path: string): Connection {
  let failure: HostError | undefined;
  socket.on("error", (error) => (failure = toHostError("exchange with", path, error)));
  const next = socket.iterator({ destroyOnReturn: false });
  return {
    send: (bytes) =>
      new Promise((resolve, reject) => {
        socket.write(bytes, (error) =>
          error ? reject(toHostError("write to", path, error)) : resolve(),
        );
      }),
    async receive() {
      if (failure !== undefined) throw failure;
      const { value, done } = await next
        .next()
        .catch((error: unknown) => Promise.reject(toHostError("read from", path, error)));
      if (done === true) return new Uint8Array(0);
      if (value instanceof Uint8Array) return value;
      throw new HostError("read from", path, EPROTO);
    },
    close: () => void socket.destroy(),
  };
}

const host: Host = {
  environment: (name) => process.env[name],
  processId: () => process.pid,
  boottime,
  randomHex: (bytes) => randomBytes(bytes).toString("hex"),
  openForReading: (path) => attempt("open", path, () => fs.openSync(path, "r")),
  createFile: (path) => attempt("create", path, () => createFile(path)),
  openFolder: (path) =>
    attempt("open folder", path, () => fs.openSync(path, fs.constants.O_DIRECTORY)),
  read: (descriptor, into) => untilReady("read", descriptor, () => fs.readSync(descriptor, into)),
  readAvailable,
  write: (descriptor, bytes) =>
    untilReady("write", descriptor, () => fs.writeSync(descriptor, bytes)),
  sync: (descriptor) =>
    attempt("fsync", `descriptor ${descriptor}`, () => fs.fsyncSync(descriptor)),
  close: (descriptor) =>
    attempt("close", `descriptor ${descriptor}`, () => fs.closeSync(descriptor)),
  rename: (from, to) => attempt("rename", from, () => fs.renameSync(from, to)),
  remove: (path) => attempt("remove", path, () => fs.unlinkSync(path)),
  makeFolder: (path) => attempt("create folder", path, () => fs.mkdirSync(path, 0o700)),
  identity(path) {
    const { dev, ino } = attempt("stat", path, () => fs.statSync(path, { bigint: true }));
    return { dev: dev.toString(), ino: ino.toString() };
  },
  connect: open,
  decode: (bytes) => new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes),
  encode: (text) => new TextEncoder().encode(text),
};

process.exit(await run(host, PLUGIN_VERSION));
