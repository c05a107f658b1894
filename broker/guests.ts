// What the DHCP server asks of the ledger, put through the one writer; offers are made in memory at once.

import type { Ip, Mac } from "#core/address.ts";
import {
  type BindOutcome,
  type BindRequest,
  decideBind,
  decideDecline,
  decideGuestRelease,
  offerAddress,
} from "#core/guest.ts";
import { DECLINE_LIMIT } from "#core/limits.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Pool } from "#core/range.ts";
import { HOUR } from "#core/time.ts";
import type { Leasing } from "./leasing.ts";

/** Guests whose DECLINEs are counted; the one seen longest ago is forgotten first. */
const DECLINERS_LIMIT = 4_096;

export interface GuestsOptions {
  readonly leasing: Leasing;
  readonly pool: Pool;
  readonly emit: (event: BusinessEvent) => void;
}

export function createGuests({ leasing, pool, emit }: GuestsOptions) {
  const { ledger } = leasing;
  const declines = new Map<Mac, number[]>();
  return {
    offer({
      mac,
      requested,
    }: {
      readonly mac: Mac;
      readonly requested?: Ip;
    }): { readonly kind: "offer"; readonly ip: Ip } | { readonly kind: "exhausted" } {
      const outcome = offerAddress(ledger, pool, mac, requested, leasing.moment().now);
      if (outcome.kind === "exhausted") emit({ event: "pool.exhausted", pool: pool.name });
      else if (outcome.shortened)
        emit({ event: "cooling.shortened", ip: outcome.ip, pool: pool.name });
      return outcome;
    },
    async bind(
      request: BindRequest,
    ): Promise<BindOutcome | { readonly kind: "silent"; readonly reason: string }> {
      try {
        const outcome = await leasing.submit("REQUEST", (state, moment) =>
          decideBind(state, pool, request, moment),
        );
        if (outcome.kind === "bound") abandon(request);
        return outcome;
      } catch (thrown) {
        // Nothing durable or no route: the guest hears nothing and asks again (spec section 3).
        return {
          kind: "silent",
          reason: thrown instanceof Error ? thrown.message : String(thrown),
        };
      }
    },
    release: ({ mac, ip }: { readonly mac: Mac; readonly ip: Ip }): Promise<void> =>
      leasing.submit("RELEASE", (state, moment) =>
        decideGuestRelease(state, mac, ip, moment, "dhcp-release"),
      ),
    async decline({ mac, ip }: { readonly mac: Mac; readonly ip: Ip }): Promise<void> {
      if (!believed(mac)) return;
      await leasing.submit("DECLINE", (state, moment) =>
        decideDecline(state, pool, mac, ip, moment),
      );
      abandon({ mac });
    },
    abandon,
  };

  function abandon({ mac }: { readonly mac: Mac }): void {
    const offer = ledger.offers.of(mac);
    if (offer !== undefined) ledger.offers.drop(offer);
  }

  /** A guest that declines again and again would empty the pool: only so many an hour count. */
  function believed(mac: Mac): boolean {
    const { now } = leasing.moment();
    const recent = (declines.get(mac) ?? []).filter((at) => at > now - HOUR);
    if (recent.length >= DECLINE_LIMIT) return false;
    declines.delete(mac);
    declines.set(mac, [...recent, now]);
    const oldest = declines.keys().next().value;
    if (declines.size > DECLINERS_LIMIT && oldest !== undefined) declines.delete(oldest);
    return true;
  }
}
