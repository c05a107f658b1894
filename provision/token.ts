// Client tokens: the same for the same step of the same node, so that a repeated request is recognised by the cloud.

import { createHash } from "node:crypto";

/** Namespace of our tokens (RFC 9562 section 5.5). */
const NAMESPACE = Buffer.from("7d6f0f6a3a534f0e9a0c8a1f6f2b0c55", "hex");

/** UUID version 5 of generation, step and attempt. */
export function clientToken(generation: string, step: string, attempt: number): string {
  const digest = createHash("sha1")
    .update(NAMESPACE)
    .update(`${generation}\n${step}\n${attempt}`)
    .digest()
    .subarray(0, 16);
  digest[6] = ((digest[6] ?? 0) & 0x0f) | 0x50;
  digest[8] = ((digest[8] ?? 0) & 0x3f) | 0x80;
  const hex = digest.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
