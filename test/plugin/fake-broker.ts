// Brokers for the plugin's tests: an honest one on node:http, and a raw one that answers with any bytes.
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer, type Server, type Socket } from "node:net";

export interface Received {
  path: string;
  contentType: string | undefined;
  body: unknown;
  /** Number of the connection it came on. */
  connection: number;
}

export interface FakeBroker extends AsyncDisposable {
  received: Received[];
  /** Resolves when every connection that was made has ended. */
  idle(): Promise<void>;
}

export interface Reply {
  status: number;
  body: string;
  /** Sends the body without a Content-Length. */
  chunked?: boolean;
}

/** Answers each POST /v1/cni with what `reply` gives, and confirmations with 204. */
export async function honestBroker(
  socketPath: string,
  reply: (body: unknown) => Reply,
): Promise<FakeBroker> {
  const received: Received[] = [];
  const numbers = new Map<Socket, number>();
  const server = createHttpServer((request, response) => {
    void bodyOf(request).then((body) => {
      const number = numbers.get(request.socket) ?? numbers.size;
      numbers.set(request.socket, number);
      received.push({
        path: request.url ?? "",
        contentType: request.headers["content-type"],
        body,
        connection: number,
      });
      if (request.url === "/v1/cni/confirm") return response.writeHead(204).end();
      const { status, body: text, chunked } = reply(body);
      response.writeHead(status, { "Content-Type": "application/json" });
      if (chunked === true) response.write("");
      for (const part of chunked === true ? halves(text) : []) response.write(part);
      return response.end(chunked === true ? undefined : text);
    });
  });
  return listening(server, socketPath, received);
}

/** Answers the first bytes of each connection with the given ones and closes it. */
export function rawBroker(socketPath: string, bytes: Uint8Array | string): Promise<FakeBroker> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(bytes));
  });
  return listening(server, socketPath, []);
}

export function served(answer: Record<string, unknown>): Reply {
  return { status: 200, body: JSON.stringify(answer) };
}

async function listening(
  server: Server,
  socketPath: string,
  received: Received[],
): Promise<FakeBroker> {
  const open = new Set<Promise<unknown>>();
  server.on("connection", (socket: Socket) =>
    open.add(new Promise((resolve) => socket.once("close", resolve))),
  );
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(socketPath, resolve);
  });
  return {
    received,
    idle: async () => void (await Promise.all(open)),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of request) if (part instanceof Buffer) parts.push(part);
  return JSON.parse(Buffer.concat(parts).toString("utf8"));
}

function halves(text: string): string[] {
  const middle = Math.floor(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}
