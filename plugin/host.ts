// What the plugin asks of the machine: the system calls it needs, as one interface with two implementations.

export type Awaitable<T> = T | Promise<T>;

/** Whether there is something to wait for: in the native plugin there never is, and each `await` costs it time. */
export function isPending<T>(value: Awaitable<T>): value is Promise<T> {
  return value instanceof Promise;
}

/** Device and inode of a file, as decimal strings: both are 64-bit numbers (stat(2)). */
export interface FileIdentity {
  dev: string;
  ino: string;
}

/** A connected stream socket. Sends and receives fail with errno EAGAIN after the timeout given to `connect`. */
export interface Connection {
  /** Resolves when every byte has been handed to the kernel. */
  send(bytes: Uint8Array): Awaitable<void>;
  /** The next bytes, at most 64 KiB; empty at the end of the stream. */
  receive(): Awaitable<Uint8Array>;
  close(): void;
}

/** Every call throws `HostError` with the errno when the kernel refuses; interrupted calls are repeated. */
export interface Host {
  environment(name: string): string | undefined;
  processId(): number;
  /** CLOCK_BOOTTIME in nanoseconds as a decimal string. */
  boottime(): string;
  /** Random bytes as lower-case hexadecimal digits, two for each byte. */
  randomHex(bytes: number): string;
  openForReading(path: string): number;
  /** A new file with mode 0600 whatever the umask; one that exists is an error. */
  createFile(path: string): number;
  openFolder(path: string): number;
  /** How many bytes were read; 0 at the end of the file. */
  read(descriptor: number, into: Uint8Array): number;
  /** As `read` from standard input, or undefined where that would wait. */
  readAvailable(into: Uint8Array): number | undefined;
  /** How many bytes were written: at least one, perhaps not all. */
  write(descriptor: number, bytes: Uint8Array): number;
  /** fsync(2) */
  sync(descriptor: number): void;
  close(descriptor: number): void;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** One folder, mode 0700; its parent must exist. */
  makeFolder(path: string): void;
  /** stat(2): symbolic links and namespace links are followed. */
  identity(path: string): FileIdentity;
  /** A Unix stream socket whose every wait ends after the timeout (SO_RCVTIMEO, SO_SNDTIMEO). */
  connect(path: string, timeoutMilliseconds: number): Awaitable<Connection>;
  /** UTF-8 to text; each invalid sequence becomes U+FFFD. */
  decode(bytes: Uint8Array): string;
  encode(text: string): Uint8Array;
}

/** A system call that failed: which one, on what, with the kernel's positive errno. */
export class HostError extends Error {
  readonly call: string;
  readonly subject: string;
  readonly errno: number;

  constructor(call: string, subject: string, errno: number) {
    super(`${call} ${subject}: ${reasonOf(errno)}`);
    this.name = "HostError";
    this.call = call;
    this.subject = subject;
    this.errno = errno;
  }
}

export const ENOENT = 2;
export const EAGAIN = 11;
export const EEXIST = 17;

/**
 * Why a call failed, in words of our own. The C library's words for ENOENT must never be used:
 * runtimes take a DEL error that contains them for "already gone" and do not retry it.
 */
export function reasonOf(errno: number): string {
  return REASONS.find(([number]) => number === errno)?.[1] ?? `error number ${errno}`;
}

/** Linux errno values (asm-generic/errno.h). */
const REASONS: readonly (readonly [number, string])[] = [
  [1, "operation not permitted"],
  [ENOENT, "it does not exist"],
  [5, "input/output error"],
  [9, "the descriptor is closed"],
  [EAGAIN, "no answer within the time limit"],
  [13, "permission denied"],
  [EEXIST, "it exists already"],
  [20, "a part of the path is not a folder"],
  [21, "it is a folder"],
  [23, "the system has too many open files"],
  [24, "the process has too many open files"],
  [28, "no space left on the device"],
  [30, "the file system is read-only"],
  [32, "the reader has closed it"],
  [36, "the path is too long"],
  [40, "too many symbolic links"],
  [88, "it is not a socket"],
  [91, "it is a socket of another type"],
  [104, "the other side closed the connection"],
  [111, "nobody listens on the socket"],
  [122, "the disk quota is used up"],
];
