// Small text files that somebody else writes: resolv.conf for the CNI side.

import { open } from "node:fs/promises";

/** Throws when the file has more than `limit` bytes. */
export async function readText(path: string, limit: number): Promise<string> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  if (size > limit) throw new Error(`${path} has ${size} bytes, more than ${limit}`);
  return file.readFile("utf8");
}
