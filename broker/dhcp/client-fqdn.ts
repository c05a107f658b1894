// The client's full name (RFC 4702): flags, two obsolete result codes, and the name as text or in DNS wire form.

import { hostName, readWireName } from "./domain-names.ts";
import { type Shape, text } from "./option-shapes.ts";

/** The client asks the server to update the A record. */
const SERVER_UPDATES = 0x01;
/** The server did not follow what the client asked. */
const OVERRIDDEN = 0x02;
/** The name is in wire form. */
const WIRE_FORM = 0x04;
/** The server updates nothing. */
const NO_UPDATES = 0x08;
/** RFC 4702 2.2: servers write 255 into both. */
const RESULT_CODE = 255;
const FIXED = 3;

export interface ClientFqdn {
  readonly flags: number;
  /** The name as it came, in whichever form the flags say. */
  readonly name: Uint8Array;
}

export const clientFqdn: Shape<ClientFqdn> = {
  decode: (bytes) =>
    bytes.length < FIXED ? undefined : { flags: bytes[0] ?? 0, name: bytes.subarray(FIXED) },
  encode: ({ flags, name }) => Uint8Array.from([flags, RESULT_CODE, RESULT_CODE, ...name]),
};

/** What a server that makes no DNS updates answers: S=0, N=1, and O when the client had asked for S (RFC 4702 4). */
export function withoutUpdates({ flags, name }: ClientFqdn): ClientFqdn {
  const overridden = (flags & SERVER_UPDATES) === 0 ? 0 : OVERRIDDEN;
  return { flags: (flags & WIRE_FORM) | NO_UPDATES | overridden, name };
}

/** The name when it is a host name. */
export function fqdnHostName({ flags, name }: ClientFqdn): string | undefined {
  return (flags & WIRE_FORM) === 0 ? hostName(text.decode(name) ?? "") : readWireName(name);
}
