// Starts the plugin inside the native executable: the system calls come from host-quickjs.c.
import { type Connection, EAGAIN, type FileIdentity, type Host, HostError } from "./host.ts";
import { run } from "./main.ts";
import { rehearsalHost } from "./rehearsal.ts";

/** Numbers below zero are -errno. */
interface Native {
  environment(name: string): string | undefined;
  processId(): number;
  boottime(): string | number;
  randomHex(bytes: number): string | number;
  openForReading(path: string): number;
  createFile(path: string): number;
  openFolder(path: string): number;
  read(descriptor: number, buffer: ArrayBufferLike, offset: number, length: number): number;
  readAvailable(
    descriptor: number,
    buffer: ArrayBufferLike,
    offset: number,
    length: number,
  ): number;
  receive(descriptor: number, buffer: ArrayBufferLike, offset: number, length: number): number;
  write(descriptor: number, buffer: ArrayBufferLike, offset: number, length: number): number;
  send(descriptor: number, buffer: ArrayBufferLike, offset: number, length: number): number;
  sync(descriptor: number): number;
  close(descriptor: number): number;
  rename(from: string, to: string): number;
  remove(path: string): number;
  makeFolder(path: string): number;
  identity(path: string): string | number;
  connect(path: string, timeoutMilliseconds: number): number;
  decode(buffer: ArrayBufferLike, offset: number, length: number): string;
  encode(text: string): ArrayBuffer;
  leave(code: number): never;
  /** Set by the script, which is run when the executable is built, and called by the executable when it is started. */
  serve: () => void;
}

declare const native: Native;
declare const PLUGIN_VERSION: string;

const STANDARD_INPUT = 0;
/** Most answers fit into a page. */
const FIRST_RECEIVE_BYTES = 4 * 1024;
const RECEIVE_BYTES = 64 * 1024;

/** The number, or the failure that it stands for. */
function checked(call: string, subject: string, result: number): number {
  if (result < 0) throw new HostError(call, subject, -result);
  return result;
}

function text(call: string, subject: string, result: string | number): string {
  if (typeof result === "number") throw new HostError(call, subject, -result);
  return result;
}

function decode(bytes: Uint8Array): string {
  return native.decode(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function connection(descriptor: number, path: string): Connection {
  let capacity = FIRST_RECEIVE_BYTES;
  return {
    send(bytes) {
      let done = 0;
      while (done < bytes.length) {
        done += checked(
          "write to",
          path,
          native.send(descriptor, bytes.buffer, bytes.byteOffset + done, bytes.length - done),
        );
      }
    },
    receive() {
      const buffer = new Uint8Array(capacity);
      const count = native.receive(descriptor, buffer.buffer, 0, capacity);
      capacity = RECEIVE_BYTES;
      return buffer.subarray(0, checked("read from", path, count));
    },
    close() {
      checked("close", path, native.close(descriptor));
    },
  };
}

const host: Host = {
  environment: (name) => native.environment(name),
  processId: () => native.processId(),
  boottime: () => text("read", "CLOCK_BOOTTIME", native.boottime()),
  randomHex: (bytes) => text("read", "random bytes", native.randomHex(bytes)),
  openForReading: (path) => checked("open", path, native.openForReading(path)),
  createFile: (path) => checked("create", path, native.createFile(path)),
  openFolder: (path) => checked("open folder", path, native.openFolder(path)),
  read: (descriptor, into) =>
    checked(
      "read",
      `descriptor ${descriptor}`,
      native.read(descriptor, into.buffer, into.byteOffset, into.length),
    ),
  readAvailable(into) {
    const count = native.readAvailable(STANDARD_INPUT, into.buffer, into.byteOffset, into.length);
    return count === -EAGAIN ? undefined : checked("read", "standard input", count);
  },
  write: (descriptor, bytes) =>
    checked(
      "write",
      `descriptor ${descriptor}`,
      native.write(descriptor, bytes.buffer, bytes.byteOffset, bytes.length),
    ),
  sync: (descriptor) => void checked("fsync", `descriptor ${descriptor}`, native.sync(descriptor)),
  close: (descriptor) =>
    void checked("close", `descriptor ${descriptor}`, native.close(descriptor)),
  rename: (from, to) => void checked("rename", from, native.rename(from, to)),
  remove: (path) => void checked("remove", path, native.remove(path)),
  makeFolder: (path) => void checked("create folder", path, native.makeFolder(path)),
  identity(path): FileIdentity {
    const [dev = "", ino = ""] = text("stat", path, native.identity(path)).split(":");
    return { dev, ino };
  },
  connect: (path, timeout) =>
    connection(checked("connect to", path, native.connect(path, timeout)), path),
  decode,
  encode: (characters) => new Uint8Array(native.encode(characters)),
};

void run(rehearsalHost(host), PLUGIN_VERSION);
native.serve = () => void run(host, PLUGIN_VERSION).then((code) => native.leave(code));
