// A broker of another release, as far as anybody can tell: it answers with what was recorded of it.

import { type IncomingMessage, createServer } from "node:http";
import { z } from "zod";
import { type Exchange, type Json, exchangeOf } from "./wire.ts";

export interface RecordedBroker extends AsyncDisposable {
  /** Method and path of every request, in order; a CNI call's verb instead of its path. */
  readonly asked: readonly string[];
}

/** Which recording answers; what is not listed has no path in that release. */
const ANSWERS = new Map([
  ["POST ADD", "add"],
  ["POST CHECK", "check"],
  ["POST DEL", "del"],
  ["POST GC", "gc"],
  ["POST STATUS", "plugin-status"],
  ["POST /v1/cni/confirm", "confirm"],
  ["GET /v1/status", "status"],
  ["GET /v1/leases", "leases"],
  ["GET /v1/leases/10.207.64.2", "address"],
  ["GET /v1/leases/no-address", "unknown-address"],
  ["DELETE /v1/leases/10.207.64.2", "forget"],
  ["DELETE /v1/leases/10.207.64.200", "forget-unknown"],
  ["POST /v1/fsck", "fsck"],
  ["GET /readyz", "ready"],
  ["GET /healthz", "health"],
]);

const call = z.object({ env: z.record(z.string(), z.string()) });

/** `change` makes another release of each answer; `without` are requests that it has no path for. */
export async function recordedBroker(
  socket: string,
  exchanges: readonly Exchange[],
  setting: { readonly change?: (body: Json) => Json; readonly without?: readonly string[] } = {},
): Promise<RecordedBroker> {
  const { change = (body) => body, without = [] } = setting;
  const asked: string[] = [];
  const server = createServer((request, response) => {
    void bodyOf(request).then((text) => {
      const what = `${request.method} ${partOf(request.url ?? "", text)}`;
      asked.push(what);
      const name = without.includes(what) ? undefined : ANSWERS.get(what);
      const { status, body } = exchangeOf(exchanges, name ?? "unknown-path").answer;
      const reply = body === "" ? "" : JSON.stringify(change(body));
      response.writeHead(status, {
        "Content-Type": "application/json",
        ...(status === 204 ? {} : { "Content-Length": Buffer.byteLength(reply) }),
      });
      response.end(status === 204 ? undefined : reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function partOf(url: string, body: string): string {
  const [path = ""] = url.split("?");
  if (path !== "/v1/cni") return path;
  return call.parse(JSON.parse(body)).env["CNI_COMMAND"] ?? path;
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) if (part instanceof Buffer) parts.push(part);
  return Buffer.concat(parts).toString("utf8");
}
