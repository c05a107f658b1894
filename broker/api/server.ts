// The broker's API: HTTP/1.1 on a Unix socket that only root may open.

import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import * as z from "zod/mini";
import { type Ip, parseIp } from "#core/address.ts";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import { MAX_BODY_BYTES, confirmRequest, fsckRequest } from "./contract.ts";
import { type EventStreams, createEventStreams } from "./event-stream.ts";
import {
  bodyTooLarge,
  readJson,
  sendError,
  sendJson,
  sendList,
  sendText,
  sendWhole,
} from "./exchange.ts";
import type { ApiHandlers } from "./handlers.ts";
import { type RouteMatch, findRoute, routes } from "./routes.ts";
import { listenOnSocket } from "./socket-file.ts";

/** Connections at one time; one more is closed at once, which the plugin takes as a broker that cannot serve. */
export const MAX_CONNECTIONS = 1_024;
const MAX_HEADER_BYTES = 16 * 1024;
/** Until the header, and until the whole request, must have come. */
const HEADER_LIMIT_MS = 5_000;
const REQUEST_LIMIT_MS = 15_000;
/** How long an idle connection is kept for the next request, such as the plugin's confirmation. */
const IDLE_LIMIT_MS = 30_000;
/** How long open requests may take to end when the server closes. */
const CLOSE_LIMIT_MS = 2_000;

export interface ApiServer extends AsyncDisposable {
  /** Path of the socket. */
  readonly path: string;
}

/** Starts to listen; resolves when connections are accepted. `onError` hears of what no client can be told. */
export async function startApiServer(options: {
  readonly path: string;
  readonly handlers: ApiHandlers;
  readonly onError: (error: BrokerError) => void;
}): Promise<ApiServer> {
  const streams = createEventStreams(options.handlers);
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADER_LIMIT_MS,
    requestTimeout: REQUEST_LIMIT_MS,
    keepAliveTimeout: IDLE_LIMIT_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("request", (request, response) => {
    // Without Date, Connection and Keep-Alive, which tell a client on this machine nothing: less to write and to read.
    response.sendDate = false;
    response.removeHeader("Connection");
    // A client that closes while it is answered is no fault of anybody's.
    response.on("error", () => response.destroy());
    serve(options.handlers, streams, request, response).catch((thrown: unknown) => {
      const error = toBrokerError(thrown);
      if (error.code === "internal") options.onError(error);
      sendError(request, response, error);
    });
  });
  const remove = await listenOnSocket(server, options.path);
  server.on("error", (error) => options.onError(toBrokerError(error)));
  return {
    path: options.path,
    async [Symbol.asyncDispose]() {
      streams.close();
      remove();
      await close(server);
    },
  };
}

async function serve(
  handlers: ApiHandlers,
  streams: EventStreams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  refuseBrowsers(request);
  const match = findRoute(request.method ?? "", request.url ?? "");
  if (match.kind === "unknown") {
    sendJson(response, 404, {
      code: "invalid-request",
      message: `there is no ${(request.url ?? "").slice(0, 200)} here`,
      details: "",
      hint: `known paths: ${routes.map((route) => route.path).join(" ")}`,
    });
    return;
  }
  if (match.kind === "wrong-method") {
    response.setHeader("Allow", match.allowed.join(", "));
    sendJson(response, 405, {
      code: "invalid-request",
      message: `${request.method} is not for this path`,
      details: "",
      hint: `use ${match.allowed.join(" or ")}`,
    });
    return;
  }
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) throw bodyTooLarge();
  await answer(handlers, streams, match, request, response);
}

async function answer(
  handlers: ApiHandlers,
  streams: EventStreams,
  match: RouteMatch & { kind: "found" },
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (match.name) {
    case "cni":
      return handlers.cni(await readJson(request), (reply) => sendWhole(response, reply));
    case "cniConfirm":
      await handlers.cniConfirm(confirmToken(await readJson(request)));
      response.writeHead(204).end();
      return;
    case "status":
      return sendJson(response, 200, await handlers.status());
    case "leases":
      return sendList(response, "leases", handlers.leases());
    case "address":
      return sendJson(response, 200, await handlers.address(addressOf(match.argument)));
    case "forgetLease":
      return handlers.forgetLease(addressOf(match.argument), sequenceOf(match.query), (forgotten) =>
        sendWhole(response, forgotten),
      );
    case "events":
      return streams.open(response, match.query.get("replay") !== "0");
    case "fsck":
      return sendJson(response, 200, await handlers.fsck(repairOf(await readJson(request))));
    case "health":
      return sendHealth(response, handlers.health());
    case "ready":
      return sendHealth(response, handlers.ready());
    case "metrics":
      return sendText(
        response,
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        await handlers.metrics(),
      );
    default:
      return match.name satisfies never;
  }
}

const sendHealth = (response: ServerResponse, health: { ok: boolean }): void =>
  sendJson(response, health.ok ? 200 : 503, health);

/** No web page has business here, whatever proxy it came through. */
function refuseBrowsers(request: IncomingMessage): void {
  const host = request.headers.host ?? "";
  const fromPage =
    request.headers.origin !== undefined || request.headers["sec-fetch-site"] !== undefined;
  if (!fromPage && (host === "" || host === "cocoon-net" || host === "localhost")) return;
  throw new BrokerError(
    "permission-denied",
    "requests from web pages or through proxies are refused",
    {
      details: `Host ${host}`,
      hint: "use cocoon-net, or curl --unix-socket with http://localhost/",
    },
  );
}

function confirmToken(body: unknown): string {
  const parsed = z.safeParse(confirmRequest, body);
  if (parsed.success) return parsed.data.confirm;
  throw new BrokerError("invalid-request", "the body has no `confirm` token", {
    hint: "send back the token that the ADD's answer carried",
  });
}

function repairOf(body: unknown): boolean {
  const parsed = z.safeParse(fsckRequest, body);
  if (parsed.success) return parsed.data.repair ?? false;
  throw new BrokerError("invalid-request", "`repair` is neither true nor false", {
    hint: 'send {"repair": false} to look only',
  });
}

function addressOf(text: string): Ip {
  const ip = parseIp(text);
  if (ip !== undefined) return ip;
  throw new BrokerError(
    "invalid-request",
    `${JSON.stringify(text.slice(0, 100))} is not an IP address`,
    { hint: "give one such as 10.88.100.7" },
  );
}

function sequenceOf(query: URLSearchParams): number | undefined {
  const text = query.get("sequence");
  if (text === null) return undefined;
  if (/^[0-9]{1,15}$/.test(text)) return Number(text);
  throw new BrokerError("invalid-request", "`sequence` is not a number", {
    hint: "take it from the lease, or leave it out",
  });
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    const force = setTimeout(() => server.closeAllConnections(), CLOSE_LIMIT_MS);
    server.close(() => {
      clearTimeout(force);
      resolve();
    });
    server.closeIdleConnections();
  });
}
