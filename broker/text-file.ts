// Small text files that somebody else writes: resolv.conf for the CNI side.

import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** Throws when there is no regular file of at most `limit` bytes. Never waits, as for the writer of a pipe. */
export async function readText(path: string, limit: number): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (!(await file.stat()).isFile()) throw new Error(`${path} is not a regular file`);
  // The size that it tells is no limit: files of the kernel tell none, and others grow.
  const bytes = Buffer.alloc(limit + 1);
  let length = 0;
  while (length <= limit) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
    if (bytesRead === 0) return bytes.toString("utf8", 0, length);
    length += bytesRead;
  }
  throw new Error(`${path} has more than ${limit} bytes`);
}
