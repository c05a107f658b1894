// Whole reads and writes on descriptors, with a limit on what is taken in.
import type { Host } from "./host.ts";

export const STANDARD_INPUT = 0;
export const STANDARD_OUTPUT = 1;
export const STANDARD_ERROR = 2;

/** A page: what most calls give, and no more memory than is read into. */
const FIRST_BUFFER_BYTES = 4 * 1024;

/** Everything up to the end of the file; undefined when that is more than `limit` bytes. */
export function readAll(host: Host, descriptor: number, limit: number): Uint8Array | undefined {
  return collect(limit, (into) => host.read(descriptor, into));
}

/** What standard input holds at this moment; never waits, and an unreadable input counts as empty. */
export function readReady(host: Host, limit: number): string {
  try {
    return host.decode(
      collect(limit, (into) => host.readAvailable(into) ?? 0) ?? new Uint8Array(0),
    );
  } catch {
    return "";
  }
}

/** Returns when the kernel has taken every byte. */
export function writeAll(host: Host, descriptor: number, text: string): void {
  const bytes = host.encode(text);
  for (let done = 0; done < bytes.length;) done += host.write(descriptor, bytes.subarray(done));
}

function collect(limit: number, read: (into: Uint8Array) => number): Uint8Array | undefined {
  let buffer = new Uint8Array(Math.min(FIRST_BUFFER_BYTES, limit + 1));
  let used = 0;
  for (;;) {
    const count = read(buffer.subarray(used));
    if (count === 0) return buffer.subarray(0, used);
    used += count;
    if (used > limit) return undefined;
    if (used < buffer.length) continue;
    const larger = new Uint8Array(2 * buffer.length);
    larger.set(buffer);
    buffer = larger;
  }
}
