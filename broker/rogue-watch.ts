// Task: finds other DHCP servers on the bridge. They are told of, not fought: who runs one must end it.

import type { Mac } from "#core/address.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Clock } from "#core/ports.ts";
import { MINUTE, type Millis } from "#core/time.ts";
import { type OtherServer, otherServer, probe } from "#broker/dhcp/rogue.ts";
import type { ReplyTap } from "#broker/dhcp/socket-port.ts";
import type { GuestPorts } from "./guest-ports.ts";
import type { Standing } from "./standing.ts";
import { type Task, pause } from "./task.ts";
import type { Telemetry } from "./telemetry.ts";

/** A look at what was heard, in milliseconds. */
const LOOK_PERIOD = 1_000;
/** How often we ask; a server that answers only whom it is asked by is found so. */
export const PROBE_PERIOD = 5 * MINUTE;
/** Not heard for this long: gone. Three questions went unanswered. */
export const FORGET_TIME = 16 * MINUTE;
/** Servers that are remembered; whoever invents more is one of them. */
export const SERVER_LIMIT = 64;

export interface RogueServer extends OtherServer {
  /** Name of its port, as far as known. */
  readonly port: string;
}
export interface RogueWatchOptions {
  readonly tap: ReplyTap;
  readonly now: () => Millis;
  readonly random: () => number;
  readonly portOf: (mac: Mac) => string;
  readonly emit: (event: BusinessEvent) => void;
  /** It is there; told once. */
  readonly found: (server: RogueServer) => void;
  readonly gone: (server: RogueServer) => void;
  readonly trouble: (what: string, error: Error) => void;
}
export interface RogueWatch extends Task {
  servers(): readonly RogueServer[];
  /** One look; the task makes one a second. */
  look(): void;
}

export function createRogueWatch(options: RogueWatchOptions): RogueWatch {
  const { tap, now, random } = options;
  const known = new Map<string, RogueServer & { readonly heard: Millis }>();
  let asked: Millis | undefined;

  const remember = (other: OtherServer): void => {
    const key = `${other.mac} ${other.server}`;
    const before = known.get(key);
    if (before === undefined && known.size >= SERVER_LIMIT) return;
    const port = options.portOf(other.mac);
    known.set(key, { ...other, port, heard: now() });
    if (before !== undefined) return;
    options.emit({ event: "dhcp.rogue", mac: other.mac, server: other.server, port });
    options.found({ ...other, port });
  };
  const look = (): void => {
    if (asked === undefined || now() - asked >= PROBE_PERIOD || now() < asked) {
      asked = now();
      tap.ask((mac) => probe(mac, Math.floor(random() * 2 ** 32)));
    }
    for (const heard of tap.hear()) {
      const other = otherServer(heard);
      if (other !== undefined) remember(other);
    }
    for (const [key, server] of known) {
      if (now() - server.heard < FORGET_TIME) continue;
      known.delete(key);
      options.gone(server);
    }
  };
  let lastTrouble = "";
  return {
    name: "rogue watch",
    servers: () =>
      [...known.values()].map(({ mac: of, server, port }) => ({ mac: of, server, port })),
    look,
    async run(signal) {
      while (!signal.aborted) {
        try {
          look();
        } catch (thrown) {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown));
          if (error.message !== lastTrouble) options.trouble("watch for DHCP servers", error);
          lastTrouble = error.message;
        }
        await pause(LOOK_PERIOD, signal);
      }
    },
  };
}

/** The watch as the broker runs it: what it finds is an event, and a warning as long as it is there. */
export function rogueWatchOf(parts: {
  readonly tap: ReplyTap;
  readonly clock: Clock;
  readonly telemetry: Pick<Telemetry, "record">;
  readonly standing: Pick<Standing, "warn" | "clear">;
  readonly ports: Pick<GuestPorts, "seenAt" | "nameOf">;
  readonly trouble: (what: string, error: Error) => void;
}): RogueWatch {
  const { tap, clock, telemetry, standing, ports, trouble } = parts;
  const about = ({ mac, server }: RogueServer) => `DHCP server ${server} ${mac}`;
  return createRogueWatch({
    tap,
    now: () => clock.now(),
    random: Math.random,
    portOf(mac) {
      const port = ports.seenAt(mac);
      return port === undefined ? "unknown" : ports.nameOf(port);
    },
    emit: (event) => telemetry.record(event),
    found: (server) => standing.warn(about(server), describeRogue(server)),
    gone: (server) => standing.clear(about(server)),
    trouble,
  });
}

const describeRogue = ({ mac, server, port }: RogueServer): string =>
  `another DHCP server answers on the bridge: ${server} (${mac}, port ${port}); guests may get addresses from it that are not routed. End it, or take that port off the bridge`;
