// The parsers that read what others wrote are total: any bytes lead to an answer, and any cut of a stream to the same one.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { errorText } from "#plugin/answer.ts";
import { DEFAULT_SOCKET, DEFAULT_SPOOL, peekConf } from "#plugin/conf.ts";
import { parseResponse } from "#plugin/http.ts";
import { MAX_JSON_DEPTH, parseObject } from "#plugin/json.ts";

const RUNS = { numRuns: 2000 };
const encoder = new TextEncoder();

/** Heads that are nearly right, so that the search goes beyond the first line. */
const nearlyHttp = fc
  .tuple(
    fc.constantFrom(
      "HTTP/1.1 200 OK",
      "HTTP/1.1 204 x",
      "HTTP/1.0 200 OK",
      "HTTP/1.1 99",
      "HTTP/1.1 2000",
      "HTTP/1.1 503",
    ),
    fc.array(
      fc.constantFrom(
        "Content-Length: 3",
        "Content-Length: -1",
        "Transfer-Encoding: chunked",
        "content-length:4",
        ": x",
        "X: y",
      ),
      { maxLength: 3 },
    ),
    fc.oneof(
      fc.string(),
      fc.constantFrom(
        "3\r\nabc\r\n0\r\n\r\n",
        "3;x\r\nabc\r\n0\r\nA: b\r\n\r\n",
        "g\r\n",
        "3\r\nabcd\r\n",
        "fffffffffff\r\n",
      ),
    ),
  )
  .map(([status, fields, body]) =>
    encoder.encode(`${[status, ...fields].join("\r\n")}\r\n\r\n${body}`),
  );

describe("parseResponse", () => {
  test("gives one of its three kinds for any bytes", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 400 }), nearlyHttp), (bytes) => {
        expect(["incomplete", "malformed", "complete"]).toContain(parseResponse(bytes).kind);
      }),
      RUNS,
    );
  });

  test("finds what was written, from no prefix of it and whatever follows", () => {
    const message = fc.record({
      status: fc.integer({ min: 200, max: 599 }).filter((status) => status !== 204),
      body: fc.uint8Array({ maxLength: 300 }),
      chunks: fc.option(fc.integer({ min: 1, max: 50 }), { nil: undefined }),
      after: fc.uint8Array({ maxLength: 20 }),
    });
    fc.assert(
      fc.property(
        message,
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        ({ status, body, chunks, after }, part) => {
          const bytes = chunks === undefined ? plain(status, body) : chunked(status, body, chunks);
          expect(parseResponse(new Uint8Array([...bytes, ...after]))).toEqual({
            kind: "complete",
            status,
            body: new Uint8Array(body),
          });
          expect(parseResponse(bytes.subarray(0, Math.floor(bytes.length * part))).kind).toBe(
            "incomplete",
          );
        },
      ),
      RUNS,
    );
  });
});

describe("peekConf", () => {
  test("gives usable paths for any text and any JSON", () => {
    const values = fc.anything({ maxDepth: 3 }).map((value) => JSON.stringify(value) ?? "");
    const shaped = fc
      .record({
        cniVersion: fc.anything(),
        ipam: fc.oneof(fc.anything(), fc.record({ socket: fc.anything(), spool: fc.string() })),
      })
      .map((value) => JSON.stringify(value));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), values, shaped), (text) => {
        const { cniVersion, socket, spool } = peekConf(text);
        expect(cniVersion ?? "0.0.0").toMatch(/^\d+\.\d+\.\d+$/);
        for (const path of [socket, spool]) expect(path).toMatch(/^\/[^\0]*$/s);
      }),
      RUNS,
    );
  });

  test.each([
    ["{}", DEFAULT_SOCKET, DEFAULT_SPOOL],
    ['{"ipam":null}', DEFAULT_SOCKET, DEFAULT_SPOOL],
    ['{"ipam":{"socket":"/a","spool":"/b"}}', "/a", "/b"],
    ['{"ipam":{"socket":"a","spool":"/b\\u0000c"}}', DEFAULT_SOCKET, DEFAULT_SPOOL],
  ])("%s", (text, socket, spool) => {
    expect(peekConf(text)).toEqual({ cniVersion: undefined, socket, spool });
  });
});

test("objects nested deeper than the limit are not parsed; brackets in strings do not count", () => {
  const nested = (depth: number): string =>
    `{"a":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;
  expect(parseObject(nested(MAX_JSON_DEPTH))).toBeDefined();
  expect(parseObject(nested(MAX_JSON_DEPTH + 1))).toBeUndefined();
  const text = '\\"[{'.repeat(200);
  expect(parseObject(JSON.stringify({ text }))).toEqual({ text });
});

test("no DEL error ever holds the words that runtimes take for a success", () => {
  const piece = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("Not Found", "no such file or directory", "NO SUCH FILE", "not ", "found", "İ"),
  );
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = errorText(
        { code: 11, message: pieces.join(""), details: pieces.join(""), hint: "" },
        undefined,
        "DEL",
      );
      expect(text).not.toMatch(/not found|no such file/i);
    }),
    RUNS,
  );
});

function plain(status: number, body: Uint8Array): Uint8Array {
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 ${status} Reason\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
}

function chunked(status: number, body: Uint8Array, size: number): Uint8Array {
  const parts: Uint8Array[] = [
    Buffer.from(`HTTP/1.1 ${status}\r\nTransfer-Encoding: chunked\r\n\r\n`),
  ];
  for (let at = 0; at < body.length; at += size) {
    const part = body.subarray(at, at + size);
    parts.push(Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}
