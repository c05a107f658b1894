// Guests' requests, held against their port of the bridge: how many addresses one port may have, and who speaks for whom.

import type { Mac } from "#core/address.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Millis } from "#core/time.ts";
import type { GuestLeasing } from "#broker/dhcp/leasing-port.ts";
import { TokenBuckets } from "#broker/dhcp/token-buckets.ts";
import type { GuestPorts } from "./guest-ports.ts";

/** One event for a port and cause in a minute. */
const EVENTS = { burst: 1, perSecond: 1 / 60, keys: 1_024 };

export interface PortLimitOptions {
  readonly guests: GuestLeasing;
  readonly ports: GuestPorts;
  readonly now: () => Millis;
  readonly emit: (event: BusinessEvent) => void;
  /** After a lease was bound and before it is acknowledged; a rejection keeps the acknowledgement back. */
  readonly bound: (mac: Mac) => Promise<void>;
}

/** A guest that is placed already, or whose MAC is a container's, costs one look into a map. */
export function limitPorts({ guests, ports, now, emit, bound }: PortLimitOptions): GuestLeasing {
  const told = new TokenBuckets(EVENTS);
  const tell = (port: number, event: BusinessEvent): void => {
    if (told.take(`${event.event} ${port}`, now())) emit(event);
  };
  /** The newcomer's port, or `full` when that holds all it may. */
  const admit = (mac: Mac): number | "full" | undefined => {
    if (ports.placeOf(mac) !== undefined || ports.isContainer(mac)) return undefined;
    const port = ports.seenAt(mac);
    // A lease from before the start is the guest's, whoever else came since.
    if (port === undefined || ports.hasLease(mac) || !ports.isFull(port, mac)) return port;
    const { limit } = ports;
    tell(port, { event: "dhcp.limited", mac, port: ports.nameOf(port), limit });
    return "full";
  };
  /** Whether the MAC's last frame came through another port than the guest's, while that one still stands. */
  const isSpoofed = (mac: Mac, message: "release" | "decline"): boolean => {
    const own = ports.placeOf(mac);
    if (own === undefined) return false;
    const seen = ports.seenAt(mac);
    if (seen === undefined || seen === own || !ports.stands(own)) return false;
    tell(seen, { event: "dhcp.spoofed", mac, port: ports.nameOf(seen), message });
    return true;
  };
  return {
    offer(request) {
      const { mac } = request;
      const port = admit(mac);
      if (port === "full") return { kind: "limited" };
      const outcome = guests.offer(request);
      if (port !== undefined && outcome.kind === "offer") ports.place(mac, port);
      return outcome;
    },
    async bind(request) {
      const { mac } = request;
      const port = admit(mac);
      if (port === "full")
        return { kind: "silent", reason: "its port of the bridge holds all the addresses it may" };
      ports.beginBind(mac);
      if (port !== undefined) ports.place(mac, port);
      try {
        const outcome = await guests.bind(request);
        if (outcome.kind === "bound") await bound(mac);
        return outcome;
      } catch (thrown) {
        return {
          kind: "silent",
          reason: thrown instanceof Error ? thrown.message : String(thrown),
        };
      } finally {
        ports.endBind(mac);
      }
    },
    release: (request) =>
      isSpoofed(request.mac, "release") ? Promise.resolve() : guests.release(request),
    decline: (request) =>
      isSpoofed(request.mac, "decline") ? Promise.resolve() : guests.decline(request),
    abandon: (request) => guests.abandon(request),
  };
}
