// One request to a server of the machine's own link, by plain HTTP: no proxy, no redirect, nothing left open when it is given up.

import { type IncomingMessage, request } from "node:http";

export interface PlainRequest {
  readonly method: "GET" | "PUT";
  readonly headers: Readonly<Record<string, string>>;
  /** A longer body is refused. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface PlainAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
}

/**
 * Rejects with the system's error, with the signal's reason, or with a RangeError when the body is too long. Unlike
 * `fetch`, which goes on connecting for 10 s where nothing answers, it ends its socket with the signal.
 */
export async function plainRequest(url: string, options: PlainRequest): Promise<PlainAnswer> {
  const { method, headers, maxBytes, signal } = options;
  signal.throwIfAborted();
  try {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    request(url, { method, headers, signal, agent: false }, resolve).on("error", reject).end();
    const answer = await promise;
    const text = await bounded(answer, maxBytes);
    return { status: answer.statusCode ?? 0, headers: answer.headers, text };
  } catch (thrown) {
    signal.throwIfAborted();
    throw thrown;
  }
}

async function bounded(answer: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > maxBytes) throw new RangeError(`its answer has more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
