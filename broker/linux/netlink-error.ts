// What the kernel said to a netlink request, as an error that names the errno.

import { getSystemErrorName } from "node:util";

/** `errno` is positive as in errno.h; `code` its name, for example `ENODEV`. */
export class NetlinkError extends Error {
  readonly errno: number;
  readonly code: string;

  constructor(errno: number, what: string) {
    const code = errnoName(errno);
    // Tens of thousands come at a time, all from the one place where answers arrive: a trace costs more than all else.
    const traced = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(`${what}: the kernel answered ${code}`);
    Error.stackTraceLimit = traced;
    this.name = "NetlinkError";
    this.errno = errno;
    this.code = code;
  }
}

/** Errno values that callers tell apart (include/uapi/asm-generic/errno-base.h, errno.h). */
export const errno = {
  notFound: 2,
  noProcess: 3,
  denied: 13,
  exists: 17,
  noDevice: 19,
  invalid: 22,
  noAddress: 99,
  networkUnreachable: 101,
  hostUnreachable: 113,
} as const;

function errnoName(number: number): string {
  try {
    return getSystemErrorName(-number);
  } catch {
    return `errno ${number}`;
  }
}
