// Prometheus metrics over TCP: GET /metrics and nothing else.

import { createServer } from "node:http";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import { sendText } from "./exchange.ts";

const MAX_CONNECTIONS = 32;
const HEADER_LIMIT_MS = 5_000;
const MAX_HEADER_BYTES = 8 * 1024;

export interface MetricsListener extends AsyncDisposable {
  /** The port in use, of interest when 0 was asked for. */
  readonly port: number;
}

/** Listens on host and port (an empty host means every address). */
export async function startMetricsListener(options: {
  readonly host: string;
  readonly port: number;
  readonly metrics: () => Promise<string>;
  readonly onError: (error: BrokerError) => void;
}): Promise<MetricsListener> {
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    headersTimeout: HEADER_LIMIT_MS,
    requestTimeout: HEADER_LIMIT_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;
  server.on("request", (request, response) => {
    response.on("error", () => response.destroy());
    const path = (request.url ?? "").split("?")[0];
    if (request.method !== "GET" || path !== "/metrics") {
      sendText(response, 404, "text/plain", "only GET /metrics is served here\n");
      return;
    }
    options.metrics().then(
      (text) => sendText(response, 200, "text/plain; version=0.0.4; charset=utf-8", text),
      (thrown: unknown) => {
        options.onError(toBrokerError(thrown));
        sendText(
          response,
          500,
          "text/plain",
          "the metrics could not be gathered; see the broker's log\n",
        );
      },
    );
  });
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error) =>
      reject(
        new BrokerError(
          "system-failure",
          `metrics cannot be served on ${options.host}:${options.port}: ${cause.message}`,
          {
            hint: 'choose another address with --metrics-addr, or --metrics-addr "" for none',
            cause,
          },
        ),
      );
    server.once("error", failed);
    server.listen(
      { port: options.port, ...(options.host === "" ? {} : { host: options.host }) },
      () => {
        server.off("error", failed);
        resolve();
      },
    );
  });
  server.on("error", (error) => options.onError(toBrokerError(error)));
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : options.port,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}
