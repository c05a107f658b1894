// Bytes over a Unix socket and back, for what a well-behaved client would not send.

import { type Socket, createConnection } from "node:net";

/** A response as text: status, and everything after the header. */
export interface RawAnswer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Sends the bytes, and reads until the server ends the connection or one whole answer is there. */
export async function exchange(path: string, bytes: Uint8Array | string): Promise<RawAnswer> {
  const socket = await connect(path);
  let text = "";
  try {
    socket.write(bytes);
    for await (const chunk of socket.setEncoding("latin1") as AsyncIterable<string>) {
      text += chunk;
      if (isWhole(text)) break;
    }
  } catch (thrown) {
    // The server may reset a connection whose body it refuses to read; the answer was sent before.
    if (text === "") throw thrown;
  } finally {
    socket.destroy();
  }
  return split(text);
}

export function connect(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path }, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** An HTTP request as text. */
export function request(
  method: string,
  target: string,
  body = "",
  headers: Readonly<Record<string, string>> = {},
): string {
  const fields = {
    Host: "cocoon-net",
    ...(body === "" ? {} : { "Content-Length": String(Buffer.byteLength(body)) }),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${target} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

function isWhole(text: string): boolean {
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return false;
  const length = /content-length: ([0-9]+)/i.exec(text.slice(0, end))?.[1];
  return length === undefined
    ? / 204 /.test(text.slice(0, 20))
    : text.length - end - 4 >= Number(length);
}

function split(text: string): RawAnswer {
  const end = text.indexOf("\r\n\r\n");
  return {
    status: Number(text.split(" ")[1]),
    head: text.slice(0, end),
    body: text.slice(end + 4),
  };
}
