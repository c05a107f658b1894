// What happens, told once: each business event becomes one log line, one metric and one entry of the recent events.

import { type DestinationStream, type Logger, pino, stdTimeFunctions } from "pino";
import type { BusinessEvent } from "#core/events.ts";
import { describeOwner } from "#core/lease.ts";
import type { Millis } from "#core/time.ts";
import { createLogDestination } from "./log-destination.ts";
import { type Meters, type Observed, createMeters } from "./meters.ts";

/** Events kept in memory for `why` and for those who begin to read events. */
export const RECENT_EVENTS = 4_096;

/** A business event, when it happened and its fields; `owner` also in words. */
export interface RecordedEvent {
  readonly at: Millis;
  readonly event: BusinessEvent["event"];
  readonly [field: string]: unknown;
}

export interface Telemetry {
  readonly log: Logger;
  readonly meters: Meters;
  /** The one way in which a business event is told. */
  record(event: BusinessEvent): void;
  /** Recent events, oldest first; of one address when `ip` is given. */
  recent(ip?: string): readonly RecordedEvent[];
  /** Calls back for each event from now on, until the answer is called. A listener must not throw. */
  subscribe(listener: (event: RecordedEvent) => void): () => void;
  /** Gives what gauges show; asked at each scrape. */
  observe(source: () => Observed): void;
  /** Prometheus text. */
  metrics(): Promise<string>;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Lines go to `destination` (default: standard error). Nothing here throws, whatever becomes of them. */
export function createTelemetry(options: {
  readonly level: LogLevel;
  readonly now: () => Millis;
  readonly destination?: DestinationStream;
}): Telemetry {
  const standardError = createLogDestination();
  const destination = options.destination ?? standardError;
  const log = pino(
    {
      level: options.level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const meters = createMeters(() => standardError.lost());
  const ring: RecordedEvent[] = [];
  let next = 0;
  const listeners = new Set<(event: RecordedEvent) => void>();
  const recent = () => [...ring.slice(next), ...ring.slice(0, next)];
  return {
    log,
    meters,
    record(event) {
      const recorded = describe(event, options.now());
      ring[next] = recorded;
      next = (next + 1) % RECENT_EVENTS;
      meters.event(event);
      const { at: _at, ...fields } = recorded;
      log[levelOf(event)](fields, messageOf(event));
      for (const listener of listeners) listener(recorded);
    },
    recent: (ip) => (ip === undefined ? recent() : recent().filter((event) => event["ip"] === ip)),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    observe: (source) => meters.observe(source),
    metrics: () => meters.text(),
  };
}

function describe(event: BusinessEvent, at: Millis): RecordedEvent {
  return "owner" in event && event.owner !== undefined
    ? { at, ...event, ownerText: describeOwner(event.owner) }
    : { at, ...event };
}

function levelOf(event: BusinessEvent): LogLevel {
  switch (event.event) {
    case "lease.bound":
      return event.renewed ? "debug" : "info";
    case "lease.released":
      return event.reason === "route-failed" ? "error" : "info";
    case "lease.freed":
      return "debug";
    case "lease.quarantined":
    case "lease.found":
    case "lease.orphaned":
    case "cooling.shortened":
    case "pool.exhausted":
    case "attachment.refused":
    case "dhcp.refused":
    case "dhcp.limited":
    case "dhcp.spoofed":
    case "dhcp.rogue":
      return "warn";
    default:
      return event satisfies never;
  }
}

function messageOf(event: BusinessEvent): string {
  switch (event.event) {
    case "lease.bound":
      return `${event.ip} ${event.renewed ? "renewed by" : "given to"} ${describeOwner(event.owner)}`;
    case "lease.released":
      return `${event.ip} released by ${describeOwner(event.owner)} (${event.reason})`;
    case "lease.freed":
      return `${event.ip} is free again`;
    case "lease.quarantined":
      return `${event.ip} set aside (${event.reason})`;
    case "lease.found":
      return `${event.ip} is in use without a record (seen by ${event.evidence})`;
    case "lease.orphaned":
      return `${event.ip} has lost ${describeOwner(event.owner)} (${event.finding})`;
    case "cooling.shortened":
      return `${event.ip} given again before its cooling ended: nothing else was free in ${event.pool}`;
    case "pool.exhausted":
      return `no address is free in ${event.pool}`;
    case "attachment.refused":
      return `a call for container ${event.containerId} came after its release (${event.reason})`;
    case "dhcp.refused":
      return `request of ${event.mac} refused (${event.reason})`;
    case "dhcp.limited":
      return `${event.mac} gets no address: port ${event.port} holds ${event.limit} already`;
    case "dhcp.spoofed":
      return `a ${event.message} in the name of ${event.mac} came through ${event.port}, which is not its port`;
    case "dhcp.rogue":
      return `another DHCP server answers on the bridge: ${event.server}, ${event.mac} on port ${event.port}`;
    default:
      return event satisfies never;
  }
}
