// The broker's CNI side behind a real Unix socket, in this process: wire, verbs and core as they ship, but no disk and no kernel.

import { once } from "node:events";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { json } from "node:stream/consumers";
import type { Cni } from "#broker/cni/verbs.ts";
import { toBrokerError } from "#core/errors.ts";

/** Serves until disposed. */
export async function serveCni(cni: Cni, socket: string): Promise<AsyncDisposable> {
  const server = createServer((request, response) => {
    void answer(cni, request, response);
  });
  server.listen(socket);
  await once(server, "listening");
  return {
    async [Symbol.asyncDispose](): Promise<void> {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

async function answer(cni: Cni, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const body: unknown = await json(request);
    if (request.url === "/v1/cni/confirm") {
      await cni.confirm(
        typeof body === "object" && body !== null && "confirm" in body ? body.confirm : undefined,
      );
      response.writeHead(204).end();
    } else {
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(JSON.stringify(await cni.handle(body)));
    }
  } catch (error) {
    const { code, message, details, hint } = toBrokerError(error);
    response
      .writeHead(503, { "content-type": "application/json" })
      .end(JSON.stringify({ code, message, details, hint }));
  }
}
