// What a relay tells about a client (option 82, RFC 3046): only the sub-options that change an answer.

import type { Ip } from "#core/address.ts";
import { readOptions } from "./option-fields.ts";
import { ipv4 } from "./option-shapes.ts";

const LINK_SELECTION = 5; // RFC 3527
const SERVER_IDENTIFIER_OVERRIDE = 11; // RFC 5107

export interface RelayAgent {
  /** The subnet the client is on, where that is not the relay's own address. */
  readonly link?: Ip;
  /** What the client is to take for the server's identifier. */
  readonly serverId?: Ip;
}

/** Damaged information tells nothing; it is echoed all the same (RFC 3046 2.2). */
export function readRelayAgent(information: Uint8Array): RelayAgent {
  const fields = new Map<number, Uint8Array>();
  if (!readOptions(information, fields)) return {};
  const link = ipv4.decode(fields.get(LINK_SELECTION) ?? NOTHING);
  const serverId = ipv4.decode(fields.get(SERVER_IDENTIFIER_OVERRIDE) ?? NOTHING);
  return {
    ...(link === undefined ? {} : { link }),
    ...(serverId === undefined ? {} : { serverId }),
  };
}

const NOTHING = new Uint8Array(0);
