// HTTP as an attacker writes it: the API's own requests with damaged lines, headers, bodies and lengths, in pieces and in rows.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { Random } from "#test/torture/random.ts";
import { MAX_BODY_BYTES } from "#broker/api/contract.ts";
import { mutateBytes, mutateText } from "./mutate.ts";

const METHODS = ["GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW"];
const HEADERS = [
  "Expect: 100-continue",
  "Content-Type: text/plain",
  "Transfer-Encoding: gzip",
  "Origin: http://example.com",
  "Sec-Fetch-Site: cross-site",
  "Upgrade: h2c",
  "Connection: close, te",
  "Connection: upgrade",
  "Content-Length: 7",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Host: example.com",
  "X\0: y",
  " folded: line",
];
/** Around what the server takes as a body, in bytes; each is rare, because each is a megabyte. */
const LARGE = [MAX_BODY_BYTES - 1, MAX_BODY_BYTES, MAX_BODY_BYTES + 1, 2 * MAX_BODY_BYTES];
const LARGE_SHARE = 1 / 400;
const SLOW_SHARE = 1 / 200;
const MAX_ROW = 5;
/** A slow client's pieces, and the pause before each, in milliseconds. */
const SLOW_PIECES = 6;
const SLOW_MS = 40;

export interface Attack {
  /** Written one after the other on one connection, each after its pause. */
  readonly pieces: readonly { readonly bytes: Buffer; readonly pause: number }[];
  /** Ends in the middle of a body, without a word. */
  readonly abandoned: boolean;
}

const entrySchema = z.object({
  method: z.string(),
  target: z.string(),
  body: z.optional(z.string()),
});
type Entry = z.infer<typeof entrySchema>;
export const requestCorpus = z
  .array(entrySchema)
  .parse(JSON.parse(readFileSync(join(import.meta.dirname, "corpus/requests.json"), "utf8")));

export function makeAttack(random: Random): Attack {
  const row = random.chance(1 / 6) ? 2 + random.below(MAX_ROW - 1) : 1;
  let bytes: Buffer = Buffer.concat(
    Array.from({ length: row }, () => Buffer.from(one(random), "latin1")),
  );
  if (random.chance(1 / 6)) bytes = Buffer.from(mutateBytes(bytes, random));
  const abandoned = random.chance(1 / 20);
  if (abandoned) bytes = bytes.subarray(0, random.below(bytes.length));
  bytes = harmless(bytes);
  if (!random.chance(SLOW_SHARE)) return { pieces: [{ bytes, pause: 0 }], abandoned };
  const size = Math.max(1, Math.ceil(bytes.length / SLOW_PIECES));
  const pieces = Array.from({ length: SLOW_PIECES }, (_, index) => ({
    bytes: bytes.subarray(index * size, (index + 1) * size),
    pause: SLOW_MS,
  }));
  return { pieces, abandoned };
}

/** The API does what root says: nothing here may name an address of those who behave, or mend what they stand on. */
function harmless(bytes: Buffer): Buffer {
  const text = bytes.toString("latin1");
  const names = /DELETE[^\r\n]*10\.207/.test(text) || /"repair" *: *true/.test(text);
  return names ? Buffer.from("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n") : bytes;
}

/** A comparison of everything with everything is work that a client may ask for: rarely, or it is all that is tried. */
function pickEntry(random: Random): Entry {
  const entry = random.pick(requestCorpus);
  return entry.target === "/v1/fsck" && random.chance(0.95) ? pickEntry(random) : entry;
}

function one(random: Random): string {
  let { method, target, body = "" } = pickEntry(random);
  if (random.chance(1 / 10)) method = random.pick(METHODS);
  if (random.chance(1 / 5)) target = mutateTarget(target, random);
  for (let count = random.below(3); count > 0; count -= 1)
    if (body !== "" && random.chance(0.7))
      body = mutateText(body, random.pick(requestCorpus).body ?? "[]", random);
  if (body !== "" && random.chance(LARGE_SHARE)) body = " ".repeat(random.pick(LARGE));
  const wire = Buffer.from(body, "utf8").toString("latin1");
  const fields = ["Host: cocoon-net"];
  if (random.chance(1 / 6)) fields.push(random.pick(HEADERS));
  if (random.chance(1 / 60)) fields.push(`X: ${"y".repeat(random.pick([100, 8_000, 17_000]))}`);
  return withBody(`${method} ${target} HTTP/1.1`, fields, wire, random);
}

function withBody(line: string, fields: string[], body: string, random: Random): string {
  if (body !== "" && random.chance(1 / 6)) {
    const size = random.chance(0.7)
      ? body.length.toString(16)
      : random.pick(["0", "-1", "zz", "fffffff"]);
    fields.push("Transfer-Encoding: chunked");
    return head(line, fields) + `${size}\r\n${body}\r\n0\r\n\r\n`;
  }
  const lie = random.chance(1 / 20) ? random.pick([-1, 1, 1_000]) : 0;
  if (body !== "") fields.push(`Content-Length: ${Math.max(0, body.length + lie)}`);
  return head(line, fields) + body;
}

const head = (line: string, fields: readonly string[]): string =>
  `${[line, ...fields].join("\r\n")}\r\n\r\n`;

/** Spaces and line ends would only make another request line: the damaged bytes do that. */
function mutateTarget(target: string, random: Random): string {
  const mutated = mutateText(target, random.pick(requestCorpus).target, random);
  return mutated.replaceAll(/[\0-\x20\x7f-\uffff]/g, "%");
}
