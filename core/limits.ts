// Numbers of the lease state machine (spec sections 3 and 4), in one place.

import { DAY, HOUR, MINUTE, SECOND } from "./time.ts";

/** Longer than conntrack's SYN_SENT timeout of 120 s, so that no old flow meets the next holder. */
export const COOLING_TIME = 130 * SECOND;
/** How long a sticky address waits for its pod or guest before it counts as any other cooling one. */
export const STICKY_TIME = 30 * DAY;
export const QUARANTINE_TIME = HOUR;
/** Quarantine never takes more than one address in this many; the oldest go first. */
export const QUARANTINE_SHARE = 4n;
export const OFFER_HOLD = 60 * SECOND;
/** The hold when more than four fifths of the pool are taken. */
export const OFFER_HOLD_SCARCE = 5 * SECOND;
export const TOMBSTONE_TIME = 10 * MINUTE;
export const TOMBSTONE_LIMIT = 16_384;
export const AFFINITY_LIMIT = 65_536;
/** DECLINEs of one guest within an hour that are believed. */
export const DECLINE_LIMIT = 3;
/** How long an unconfirmed result keeps its address before evidence against it counts. */
export const PROVISIONAL_GRACE = 2 * MINUTE;
/** Between two looks at a lease that seems to be nobody's: an ARP probe is answered within it. */
export const SECOND_LOOK = 30 * SECOND;
/** How long evidence against a confirmed lease must last: a DEL that is on its way comes within this time. */
export const GONE_GRACE = 2 * MINUTE;
/** Ends that one sweep makes at most; the rest follows at once in the next. */
export const SWEEP_LIMIT = 512;
/** The expiry that containers' entries carry in the mirror: 2100-01-01, so that a Go daemon does not give them away. */
export const FAR_EXPIRY = 4_102_444_800_000;
/** How long an address found in use is kept before silence counts: a guest renews its lease within this time. */
export const FOUND_GRACE = DAY;
