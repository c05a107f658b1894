// GET /v1/events: business events as server-sent events, with a bounded queue for each reader.

import type { ServerResponse } from "node:http";
import { BrokerError } from "#core/errors.ts";
import type { RecordedEvent } from "./contract.ts";
import type { ApiHandlers } from "./handlers.ts";

/** Readers at one time; each costs a connection and a queue. */
export const MAX_EVENT_READERS = 16;
/** Events that wait for a reader which does not take them; one more and it is dropped. */
export const MAX_WAITING_EVENTS = 1_024;
/** A comment line this often keeps the connection alive and finds dead readers. */
const HEARTBEAT_MS = 15_000;

export interface EventStreams {
  /** Serves one reader: the recent events first when `replay`, then those that come. */
  open(response: ServerResponse, replay: boolean): void;
  /** Ends every stream. */
  close(): void;
}

export function createEventStreams(handlers: Pick<ApiHandlers, "subscribe">): EventStreams {
  const readers = new Set<() => void>();
  return {
    open(response, replay) {
      if (readers.size >= MAX_EVENT_READERS) {
        throw new BrokerError("overloaded", `${MAX_EVENT_READERS} clients already read events`, {
          hint: "end one of them and try again",
        });
      }
      const end = serve(response, replay, handlers, () => readers.delete(end));
      readers.add(end);
    },
    close() {
      for (const end of readers) end();
    },
  };
}

/** Starts one stream and returns what ends it. */
function serve(
  response: ServerResponse,
  replay: boolean,
  handlers: Pick<ApiHandlers, "subscribe">,
  left: () => void,
): () => void {
  const waiting: string[] = [];
  let blocked = false;
  const write = (text: string) => {
    blocked = !response.write(text);
  };
  const send = (text: string) => {
    if (!blocked) write(text);
    else if (waiting.length < MAX_WAITING_EVENTS) waiting.push(text);
    // Destroyed rather than ended: an end would wait behind what the reader does not take.
    else response.destroy();
  };
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.flushHeaders();
  const subscription = handlers.subscribe((event) => send(format(event)));
  if (replay) for (const event of subscription.recent) send(format(event));
  const heartbeat = setInterval(() => send(": still here\n\n"), HEARTBEAT_MS).unref();
  response.on("drain", () => {
    blocked = false;
    for (
      let text = waiting.shift();
      text !== undefined;
      text = blocked ? undefined : waiting.shift()
    )
      write(text);
  });
  response.once("close", () => {
    clearInterval(heartbeat);
    subscription.end();
    left();
  });
  return () => response.end();
}

/** One event in the text/event-stream format (HTML standard, section 9.2). JSON text has no line breaks. */
const format = (event: RecordedEvent): string =>
  `event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`;
