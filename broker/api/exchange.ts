// One request and its answer: reading a bounded body, writing JSON, and a list that is written as the reader takes it.

import type { IncomingMessage, ServerResponse } from "node:http";
import { BrokerError } from "#core/errors.ts";
import { MAX_BODY_BYTES } from "./contract.ts";
import { errorBody, errorStatus } from "./error-status.ts";

/** How many characters of a list are gathered before they are handed to the socket. */
const LIST_CHUNK_CHARACTERS = 64 * 1024;
/** How long a reader of a list may leave the socket full before it is given up. */
const DRAIN_LIMIT_MS = 10_000;

/** The request's body as JSON. Listeners are attached before this returns, so that a client may close after writing. */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(request);
  try {
    return JSON.parse(bytes.toString("utf8")) as unknown;
  } catch (cause) {
    throw new BrokerError(
      "invalid-request",
      `the body is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint: "send one JSON object with Content-Type application/json",
        cause,
      },
    );
  }
}

function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let length = 0;
    request.on("data", (part: Buffer) => {
      length += part.length;
      if (length > MAX_BODY_BYTES) reject(bodyTooLarge());
      else parts.push(part);
    });
    request.once("end", () =>
      resolve(
        parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts, length),
      ),
    );
    // A client that goes away in the middle, or whose bytes are no HTTP any more, is no fault of ours.
    const endedEarly = (cause?: Error) => {
      // Every request is closed in the end, and an error that nobody hears of costs more than reading the body did.
      if (request.readableEnded) return;
      reject(
        new BrokerError(
          "invalid-request",
          "the connection ended before the body was complete",
          cause === undefined ? {} : { cause },
        ),
      );
    };
    request.once("error", endedEarly);
    request.once("close", () => endedEarly());
  });
}

export const bodyTooLarge = (): BrokerError =>
  new BrokerError("invalid-request", `the body has more than ${MAX_BODY_BYTES} bytes`, {
    hint: "a CNI configuration is a few kilobytes; send less",
  });

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(text),
  });
  response.end(text);
}

/** Sends and waits until the kernel has all of it, or the client is gone. */
export async function sendWhole(response: ServerResponse, body: unknown): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  response.once("finish", resolve).once("close", resolve);
  sendJson(response, 200, body);
  await promise;
}

export function sendText(
  response: ServerResponse,
  status: number,
  type: string,
  text: string,
): void {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(text) });
  response.end(text);
}

/** Answers with an error; a body that was not read ends the connection, since what follows it cannot be told apart. */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: BrokerError,
): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (!request.complete) response.setHeader("Connection", "close");
  sendJson(response, errorStatus[error.code], errorBody(error));
}

/** Writes `{"<name>":[...]}`, waiting whenever the reader is slow. */
export async function sendList(
  response: ServerResponse,
  name: string,
  items: Iterable<unknown>,
): Promise<void> {
  response.writeHead(200, { "Content-Type": "application/json" });
  let chunk = `{${JSON.stringify(name)}:[`;
  let separator = "";
  for (const item of items) {
    chunk += separator + JSON.stringify(item);
    separator = ",";
    if (chunk.length < LIST_CHUNK_CHARACTERS) continue;
    if (!response.write(chunk) && !(await drained(response))) {
      response.destroy();
      return;
    }
    chunk = "";
  }
  response.end(`${chunk}]}`);
}

/** Waits until the reader has taken what was written; false when it is gone or takes too long. */
async function drained(response: ServerResponse): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (taken: boolean) => {
      clearTimeout(timer);
      response.off("drain", onDrain);
      response.off("close", onClose);
      resolve(taken);
    };
    const onDrain = () => settle(true);
    const onClose = () => settle(false);
    const timer = setTimeout(onClose, DRAIN_LIMIT_MS);
    response.once("drain", onDrain);
    response.once("close", onClose);
  });
}
