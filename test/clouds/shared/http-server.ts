// An HTTP server on TCP or on a Unix socket that hands whole requests over and closes cleanly, whatever still hangs.

import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** A request that was read to its end. */
export interface Exchange {
  readonly method: string;
  /** The host part is made up: only path and query are the caller's. */
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** The caller's address, without an IPv4-in-IPv6 prefix; empty on a Unix socket. */
  readonly from: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What is done instead of answering: reset the connection, or say nothing until the server closes. */
export type Silence = "reset" | "hang";

export type Handler = (exchange: Exchange, signal: AbortSignal) => Promise<Answer | Silence>;

/** `{ path }` for a Unix socket, else TCP; port 0 takes a free one. */
export type Place = { readonly path: string } | { readonly host: string; readonly port: number };

export interface HttpServer extends AsyncDisposable {
  /** Where it listens; empty strings and 0 for a Unix socket. */
  readonly host: string;
  readonly port: number;
  /** `http://host:port`, without a slash at its end. */
  readonly url: string;
}

const MAX_BODY_BYTES = 1024 * 1024;
/** Longer than any test leaves a connection idle: one that closes just as it is used again looks like a fault. */
const IDLE_LIMIT_MS = 120_000;

async function readExchange(request: IncomingMessage): Promise<Exchange | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  const headers = Object.fromEntries(
    Object.entries(request.headers).map(([name, value]) => [name, value?.toString()]),
  );
  return {
    method: request.method ?? "",
    url: new URL(`http://fake${(request.url ?? "/").replace(/^[^/]*/, "")}`),
    headers,
    body: Buffer.concat(chunks).toString("utf8"),
    from: (request.socket.remoteAddress ?? "").replace(/^::ffff:/, ""),
  };
}

async function serve(
  handle: Handler,
  request: IncomingMessage,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  const exchange = await readExchange(request);
  const answer =
    exchange === undefined
      ? { status: 413, body: `a body is at most ${MAX_BODY_BYTES} bytes\n` }
      : await handle(exchange, closing);
  if (answer === "hang") return;
  if (answer === "reset") {
    request.socket.resetAndDestroy();
    return;
  }
  response.writeHead(answer.status, {
    "content-length": Buffer.byteLength(answer.body),
    ...answer.headers,
  });
  response.end(answer.body);
}

/**
 * Resolves when connections are accepted. Disposing resets what is still open, hanging calls included.
 * An error that the handler throws is a fault of the fake: it is answered with 599 and its text, which no cloud sends.
 */
export async function startHttpServer(place: Place, handle: Handler): Promise<HttpServer> {
  const closing = new AbortController();
  const sockets = new Set<Socket>();
  const server = createServer((request, response) => {
    response.on("error", () => response.destroy());
    serve(handle, request, response, closing.signal).catch((thrown: unknown) => {
      if (request.destroyed && !request.complete) return;
      const text = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      if (!response.headersSent) response.writeHead(599);
      response.end(`the fake cloud failed: ${text}\n`);
    });
  });
  server.keepAliveTimeout = IDLE_LIMIT_MS;
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(place, resolve);
  await promise;
  server.off("error", reject);
  const bound = "path" in place ? undefined : (server.address() as AddressInfo);
  const [host, port] = [bound?.address ?? "", bound?.port ?? 0];
  return {
    host,
    port,
    url: bound === undefined ? "" : `http://${host}:${port}`,
    async [Symbol.asyncDispose]() {
      closing.abort();
      const closed = Promise.withResolvers<void>();
      server.close(() => closed.resolve());
      for (const socket of sockets) socket.destroy();
      await closed.promise;
    },
  };
}
