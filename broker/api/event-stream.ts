// GET /v1/events: business events as server-sent events, with a bounded queue for each reader.

import type { ServerResponse } from "node:http";
import { BrokerError } from "#core/errors.ts";
import type { RecordedEvent } from "./contract.ts";
import type { ApiHandlers } from "./handlers.ts";

/** Readers at one time; each costs a connection and a queue. */
export const MAX_EVENT_READERS = 16;
/** Events that came meanwhile and wait for a reader which does not take them; one more and it is dropped. */
export const MAX_WAITING_EVENTS = 1_024;
/** A comment line this often keeps the connection alive and finds dead readers. */
const HEARTBEAT_MS = 15_000;
/** Comes when a reader has been given all events that were there when it came; to who does not know it, a comment. */
export const RECENT_TOLD = ": the recent ones are told";

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
  const send = (text: string) => {
    // Destroyed rather than ended: an end would wait behind what the reader does not take.
    if (waiting.push(text) > MAX_WAITING_EVENTS) response.destroy();
    else pump();
  };
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.flushHeaders();
  const subscription = handlers.subscribe((event) => send(format(event)));
  // However many they are, they are the telemetry's own: they take no room until they are sent.
  const recent = tell(replay ? subscription.recent : []);
  const pump = () => {
    while (!blocked) {
      const text = recent.next().value ?? waiting.shift();
      if (text === undefined) return;
      blocked = !response.write(text);
    }
  };
  pump();
  const heartbeat = setInterval(() => send(": still here\n\n"), HEARTBEAT_MS).unref();
  response.on("drain", () => {
    blocked = false;
    pump();
  });
  response.once("close", () => {
    clearInterval(heartbeat);
    subscription.end();
    left();
  });
  return () => response.end();
}

function* tell(recent: readonly RecordedEvent[]): Generator<string, undefined> {
  for (const event of recent) yield format(event);
  yield `${RECENT_TOLD}\n\n`;
}

/** One event in the text/event-stream format (HTML standard, section 9.2). JSON text has no line breaks. */
const format = (event: RecordedEvent): string =>
  `event: ${event.event}\ndata: ${JSON.stringify(event)}\n\n`;
