// Offers and acknowledgements by copying and patching: most guests of a node ask for the same options in the same order.

import { type Ip, ipv4ToUint } from "#core/address.ts";
import { type DhcpRequest, messageTypes } from "./message.ts";
import { END_OPTION } from "./option-fields.ts";
import { options } from "./options.ts";
import { MIN_MESSAGE } from "./packet.ts";
import { FOREVER } from "./settings.ts";
import { Slab } from "#core/slab.ts";

/** Lists of options asked for that are remembered; clients of one kind share one. More, and all are made anew. */
const MAX_TEMPLATES = 256;
/** What one length byte can say; longer values are the slow encoder's. */
const MAX_VALUE = 255;
/** Offsets in a message (RFC 2131 2). */
const XID = 4;
const FLAGS = 10;
const CIADDR = 12;
const YIADDR = 16;
const CHADDR = 28;
/** The replies' first options and where their values stand: type, server, lease time, T1 and T2. */
const FIRST_OPTIONS: readonly (readonly [code: number, at: number])[] = [
  [options.messageType.code, 240],
  [options.serverIdentifier.code, 243],
  [options.leaseTime.code, 249],
  [options.renewalTime.code, 255],
  [options.rebindingTime.code, 261],
];
const MESSAGE_TYPE = 242;
const LEASE_TIME = 251;
const RENEWAL_TIME = 257;
const REBINDING_TIME = 263;

interface Template {
  /** Option 55 of those it is for. */
  readonly parameters: Uint8Array;
  /** The message up to its END. */
  readonly bytes: Uint8Array;
  readonly wantsHostName: boolean;
}

/** What differs from one reply to the next beside the request itself. */
export interface Granted {
  readonly type: "offer" | "ack";
  /** 0.0.0.0 except in the answer to a renewal. */
  readonly ciaddr: number;
  readonly ip: Ip;
  readonly seconds: number;
  readonly renewal: number;
  readonly rebinding: number;
}

/** `encode` is the slow encoder: an offer for a client that asks for `parameters`, with no name and no identifier. */
export class ReplyTemplates {
  readonly #encode: (parameters: Uint8Array) => Uint8Array | undefined;
  /** By {@link hashOf} of the parameters. */
  readonly #templates = new Map<number, Template>();
  readonly #slab = new Slab();

  constructor(encode: (parameters: Uint8Array) => Uint8Array | undefined) {
    this.#encode = encode;
  }

  /** The reply's bytes; undefined where it is not as most are, and the slow encoder must make it. */
  reply(request: DhcpRequest, granted: Granted): Uint8Array | undefined {
    const { parameters, relay, fqdn, hostName, clientId = NOTHING } = request;
    if (parameters === undefined || relay !== undefined || fqdn !== undefined) return undefined;
    if (granted.seconds === FOREVER || clientId.length > MAX_VALUE) return undefined;
    const template = this.#templateFor(parameters);
    if (template === undefined) return undefined;
    const name = template.wantsHostName ? (hostName ?? "") : "";
    const size = template.bytes.length + 1 + fieldSize(name.length) + fieldSize(clientId.length);
    if (size > request.sizeLimit || name.length > MAX_VALUE) return undefined;
    const bytes = this.#slab.take(Math.max(MIN_MESSAGE, size));
    bytes.set(template.bytes);
    patch(bytes, request, granted);
    let at = template.bytes.length;
    if (name !== "") {
      bytes[at++] = options.hostName.code;
      bytes[at++] = name.length;
      for (let index = 0; index < name.length; index++) bytes[at++] = name.charCodeAt(index);
    }
    if (clientId.length > 0) {
      bytes[at++] = options.clientIdentifier.code;
      bytes[at++] = clientId.length;
      for (let index = 0; index < clientId.length; index++) bytes[at++] = clientId[index] ?? 0;
    }
    bytes[at] = END_OPTION;
    return bytes;
  }

  #templateFor(parameters: Uint8Array): Template | undefined {
    const hash = hashOf(parameters);
    const known = this.#templates.get(hash);
    if (known !== undefined && isSame(known.parameters, parameters)) return known;
    const message = this.#encode(parameters);
    if (message === undefined || !FIRST_OPTIONS.every(([code, at]) => message[at] === code))
      return undefined;
    if (this.#templates.size >= MAX_TEMPLATES) this.#templates.clear();
    const template: Template = {
      parameters: Uint8Array.from(parameters),
      bytes: message.slice(0, endOf(message)),
      wantsHostName: parameters.includes(options.hostName.code),
    };
    this.#templates.set(hash, template);
    return template;
  }
}

const NOTHING = new Uint8Array(0);

const fieldSize = (length: number): number => (length === 0 ? 0 : length + 2);

function patch(bytes: Uint8Array, request: DhcpRequest, granted: Granted): void {
  write32(bytes, XID, request.xid);
  bytes[FLAGS] = request.flags >>> 8;
  bytes[FLAGS + 1] = request.flags;
  write32(bytes, CIADDR, granted.ciaddr);
  write32(bytes, YIADDR, ipv4ToUint(granted.ip));
  const { chaddr } = request;
  for (let index = 0; index < chaddr.length; index++) bytes[CHADDR + index] = chaddr[index] ?? 0;
  bytes[MESSAGE_TYPE] = messageTypes[granted.type];
  write32(bytes, LEASE_TIME, granted.seconds);
  write32(bytes, RENEWAL_TIME, granted.renewal);
  write32(bytes, REBINDING_TIME, granted.rebinding);
}

function write32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Offset of END, options read one by one: the padding behind it is no guide. */
function endOf(message: Uint8Array): number {
  let at = FIRST_OPTIONS[0]?.[1] ?? 0;
  while (at < message.length && message[at] !== END_OPTION) at += 2 + (message[at + 1] ?? 0);
  return at;
}

/** FNV-1a in 30 bits: a small integer, which a map finds without an object. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < bytes.length; index++)
    hash = Math.imul(hash ^ (bytes[index] ?? 0), 0x01000193);
  return hash >>> 2;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}
