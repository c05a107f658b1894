// The part of HTTP/1.1 that one client needs on a Unix socket: writes a POST, reads one bounded response (RFC 9112).

/** What a prefix of the stream amounts to. */
export type Response =
  | { kind: "incomplete" }
  | { kind: "malformed"; why: string }
  | { kind: "complete"; status: number; body: Uint8Array };

/** Head and body of a response together. */
export const MAX_RESPONSE_BYTES = 1024 * 1024;
const MAX_HEAD_BYTES = 16 * 1024;
/** Longest line that gives a chunk's size, extensions included. */
const MAX_CHUNK_LINE_BYTES = 256;

/** The head of a JSON request; the body of that many bytes follows it. */
export function postHead(path: string, bodyBytes: number): string {
  return `POST ${path} HTTP/1.1\r\nHost: cocoon-net\r\nContent-Type: application/json\r\nContent-Length: ${bodyBytes}\r\n\r\n`;
}

/** Total: whatever the bytes, the answer is one of the three kinds. Bytes after the response are ignored. */
export function parseResponse(bytes: Uint8Array): Response {
  const headEnd = findHeadEnd(bytes);
  if (headEnd < 0) {
    return bytes.length > MAX_HEAD_BYTES ? malformed("its header does not end") : INCOMPLETE;
  }
  const head = parseHead(latin1(bytes.subarray(0, headEnd)));
  if (typeof head === "string") return malformed(head);
  const body = bytes.subarray(headEnd + 4);
  if (head.status === 204) return { kind: "complete", status: 204, body: new Uint8Array(0) };
  if (head.chunked) return readChunks(head.status, body);
  if (head.length > MAX_RESPONSE_BYTES)
    return malformed(`its body has ${head.length} bytes, more than ${MAX_RESPONSE_BYTES}`);
  if (body.length < head.length) return INCOMPLETE;
  return { kind: "complete", status: head.status, body: body.subarray(0, head.length) };
}

interface Head {
  status: number;
  chunked: boolean;
  /** Bytes of the body when not chunked. */
  length: number;
}

const INCOMPLETE: Response = { kind: "incomplete" };
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

function malformed(why: string): Response {
  return { kind: "malformed", why };
}

/** Where the empty line begins, or -1. */
function findHeadEnd(bytes: Uint8Array): number {
  const last = Math.min(bytes.length, MAX_HEAD_BYTES) - 4;
  let index = bytes.indexOf(CARRIAGE_RETURN);
  while (index >= 0 && index <= last) {
    if (isLineEnd(bytes, index) && isLineEnd(bytes, index + 2)) return index;
    index = bytes.indexOf(CARRIAGE_RETURN, index + 1);
  }
  return -1;
}

function isLineEnd(bytes: Uint8Array, index: number): boolean {
  return bytes[index] === CARRIAGE_RETURN && bytes[index + 1] === LINE_FEED;
}

/** The head, or what is wrong with it. */
function parseHead(text: string): Head | string {
  const [statusLine = "", ...fields] = text.split("\r\n");
  const status = statusOf(statusLine);
  if (status === undefined) return "its first line is not an HTTP/1.1 status";
  let length: number | undefined;
  let chunked = false;
  for (const field of fields) {
    const colon = field.indexOf(":");
    if (colon <= 0) return "one of its header lines has no name";
    const name = field.slice(0, colon).toLowerCase();
    const value = field.slice(colon + 1).trim();
    if (name === "content-length") {
      const announced = digits(value, 10);
      if (announced === undefined || (length !== undefined && length !== announced))
        return "its Content-Length is not one number";
      length = announced;
    } else if (name === "transfer-encoding") {
      if (value.toLowerCase() !== "chunked") return "its Transfer-Encoding is not chunked";
      chunked = true;
    }
  }
  if (chunked && length !== undefined) return "it has both Content-Length and Transfer-Encoding";
  if (!chunked && length === undefined && status !== 204)
    return "it does not say how long its body is";
  return { status, chunked, length: length ?? 0 };
}

function statusOf(line: string): number | undefined {
  if (!line.startsWith("HTTP/1.1 ")) return undefined;
  const end = line.indexOf(" ", 9);
  const code = line.slice(9, end < 0 ? line.length : end);
  const status = digits(code, 10);
  return code.length === 3 && status !== undefined && status >= 200 ? status : undefined;
}

function readChunks(status: number, bytes: Uint8Array): Response {
  const parts: Uint8Array[] = [];
  let total = 0;
  let at = 0;
  for (;;) {
    const lineEnd = findLineEnd(bytes, at);
    if (lineEnd < 0)
      return bytes.length - at > MAX_CHUNK_LINE_BYTES
        ? malformed("one of its chunk sizes does not end")
        : INCOMPLETE;
    const [sizeText = ""] = latin1(bytes.subarray(at, lineEnd)).split(";");
    const size = digits(sizeText.trim().toLowerCase(), 16);
    if (size === undefined) return malformed("one of its chunk sizes is not a number");
    total += size;
    if (total > MAX_RESPONSE_BYTES)
      return malformed(`its body has more than ${MAX_RESPONSE_BYTES} bytes`);
    const start = lineEnd + 2;
    if (size === 0) return endOfChunks(status, bytes, start, concat(parts, total));
    if (bytes.length < start + size + 2) return INCOMPLETE;
    if (!isLineEnd(bytes, start + size))
      return malformed("one of its chunks is longer than announced");
    parts.push(bytes.subarray(start, start + size));
    at = start + size + 2;
  }
}

/** Trailer fields are not used by the broker and refused. */
function endOfChunks(status: number, bytes: Uint8Array, at: number, body: Uint8Array): Response {
  if (bytes.length < at + 2) return INCOMPLETE;
  return isLineEnd(bytes, at)
    ? { kind: "complete", status, body }
    : malformed("it has trailer fields");
}

function findLineEnd(bytes: Uint8Array, from: number): number {
  const last = Math.min(bytes.length, from + MAX_CHUNK_LINE_BYTES) - 2;
  for (let index = from; index <= last; index += 1) if (isLineEnd(bytes, index)) return index;
  return -1;
}

/** The parts one after the other in a new array of `total` bytes. */
export function concat(parts: readonly Uint8Array[], total: number): Uint8Array {
  const whole = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Ten digits are enough for every length that is accepted. */
const MAX_DIGITS = 10;

function digits(text: string, base: 10 | 16): number | undefined {
  const allowed = base === 10 ? "0123456789" : "0123456789abcdef";
  if (text.length === 0 || text.length > MAX_DIGITS) return undefined;
  for (let index = 0; index < text.length; index += 1)
    if (!allowed.includes(text.charAt(index))) return undefined;
  return Number.parseInt(text, base);
}

/** At most a head or a line: so many bytes may be arguments of one call. */
function latin1(bytes: Uint8Array): string {
  return Reflect.apply(String.fromCharCode, undefined, bytes) as string;
}
