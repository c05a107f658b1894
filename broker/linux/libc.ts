// The calls into libc that Node has no function for.

import koffi from "koffi";

const libc = koffi.load("libc.so.6");
const CLOCK_BOOTTIME = 7;
/** IFNAMSIZ of linux/if.h. */
const NAME_BYTES = 16;

const nameToIndex = libc.func("unsigned int if_nametoindex(const char *)") as (
  name: string,
) => number;
const indexToName = libc.func("char *if_indextoname(unsigned int, void *)") as (
  index: number,
  into: Buffer,
) => string | null;
const clockGettime = libc.func("int clock_gettime(int, void *)") as (
  clock: number,
  into: Buffer,
) => number;

/** Index of a network interface in this namespace; `undefined` when there is none of that name. */
export function interfaceIndex(name: string): number | undefined {
  const index = nameToIndex(name);
  return index === 0 ? undefined : index;
}

/** Name of the network interface with that index in this namespace; `undefined` when there is none. */
export const interfaceName = (index: number): string | undefined =>
  indexToName(index, Buffer.alloc(NAME_BYTES)) ?? undefined;

/** Nanoseconds since the machine started, time in suspend included. */
export function bootNanoseconds(): bigint {
  const time = Buffer.alloc(16);
  clockGettime(CLOCK_BOOTTIME, time);
  return time.readBigInt64LE(0) * 1_000_000_000n + time.readBigInt64LE(8);
}

/** `recv` and its kin on a socket that Node's own modules cannot hold; a negative result is followed by {@link lastErrno}. */
export const socketCalls = {
  socket: libc.func("int socket(int, int, int)") as (f: number, t: number, p: number) => number,
  bind: libc.func("int bind(int, const void *, uint32_t)") as (
    socket: number,
    address: Buffer,
    length: number,
  ) => number,
  setsockopt: libc.func("int setsockopt(int, int, int, const void *, uint32_t)") as (
    socket: number,
    level: number,
    option: number,
    value: Buffer,
    length: number,
  ) => number,
  recv: libc.func("int64_t recv(int, void *, size_t, int)") as (
    socket: number,
    into: Buffer,
    length: number,
    flags: number,
  ) => number,
  send: libc.func("int64_t send(int, const void *, size_t, int)") as (
    socket: number,
    bytes: Buffer,
    length: number,
    flags: number,
  ) => number,
  close: libc.func("int close(int)") as (socket: number) => number,
};

export const lastErrno = (): number => koffi.errno();

/** The buffer's address, for structures that point at one another. The buffer must outlive the call. */
export const addressOf = (buffer: Buffer): bigint => BigInt(koffi.address(buffer));
