// Which request a DHCP reply answers, so that replies pass the interpreter with their cause.

import type { Verb } from "#core/effects.ts";

/** Offsets of RFC 2131 figure 1; option 53 is always the first of our replies. */
const YIADDR = 16;
const MESSAGE_TYPE = 242;
const OFFER = 2;

/** OFFER answers DISCOVER; an ACK without yiaddr that is no NAK answers INFORM (RFC 2131 4.3.5). */
export function verbOfReply(reply: Uint8Array): Verb {
  const type = reply[MESSAGE_TYPE];
  if (type === OFFER) return "DISCOVER";
  const assigned = reply.subarray(YIADDR, YIADDR + 4).some((octet) => octet !== 0);
  return type === 5 && !assigned ? "INFORM" : "REQUEST";
}
