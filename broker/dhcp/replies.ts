// Replies as bytes: from a template where a request is as most are, and else from the responder and the encoder.

import { type Ip, ipv4ToUint, macFromBytes } from "#core/address.ts";
import type { DhcpRequest } from "./message.ts";
import { type DhcpReply, UNSPECIFIED, encodeReply } from "./reply.ts";
import { ReplyTemplates } from "./reply-template.ts";
import {
  type Answer,
  type Responder,
  destinationOf,
  leaseSeconds,
  leaseTimes,
  renewalFuzz,
} from "./respond.ts";
import type { DhcpSettings } from "./settings.ts";
import type { Destination } from "./socket-port.ts";

export interface Outgoing {
  readonly type: DhcpReply["type"];
  /** Undefined where not even what a client needs has room in what it takes. */
  readonly bytes: Uint8Array | undefined;
  readonly destination: Destination;
}

export class Replies {
  readonly #settings: DhcpSettings;
  readonly #responder: Responder;
  readonly #random: () => number;
  readonly #templates: ReplyTemplates;

  /** `random` gives numbers from 0 to 1, 1 excluded. */
  constructor(settings: DhcpSettings, responder: Responder, random: () => number) {
    this.#settings = settings;
    this.#responder = responder;
    this.#random = random;
    this.#templates = new ReplyTemplates((parameters) => {
      const request = probe(parameters);
      return encode(request, responder.offered(request, UNSPECIFIED)).bytes;
    });
  }

  offered(request: DhcpRequest, ip: Ip): Outgoing {
    const seconds = leaseSeconds(request, this.#settings);
    const times = leaseTimes(seconds, 0);
    const granted = { type: "offer", ciaddr: 0, ip, seconds, ...times } as const;
    const bytes = this.#templates.reply(request, granted);
    return bytes === undefined
      ? encode(request, this.#responder.offered(request, ip))
      : { type: "offer", bytes, destination: destinationOf(request, ip) };
  }

  bound(request: DhcpRequest, ip: Ip, seconds: number): Outgoing {
    // An ACK to a DISCOVER says so in an option of its own (RFC 4039).
    const bytes = request.type === "request" ? this.#ack(request, ip, seconds) : undefined;
    return bytes === undefined
      ? encode(request, this.#responder.bound(request, ip, seconds))
      : { type: "ack", bytes, destination: destinationOf(request, ip) };
  }

  #ack(
    request: DhcpRequest & { readonly type: "request" },
    ip: Ip,
    seconds: number,
  ): Uint8Array | undefined {
    const renewing = request.mode === "renewing";
    const times = leaseTimes(seconds, renewing ? renewalFuzz(seconds, this.#random) : 0);
    const ciaddr = renewing ? ipv4ToUint(request.ciaddr) : 0;
    return this.#templates.reply(request, { type: "ack", ciaddr, ip, seconds, ...times });
  }
}

/** The slow way, for any answer. */
export const encode = (request: DhcpRequest, { reply, destination }: Answer): Outgoing => ({
  type: reply.type,
  bytes: encodeReply(reply, request.sizeLimit),
  destination,
});

/** A client of which nothing is known but what it asks for. */
const probe = (parameters: Uint8Array): DhcpRequest => ({
  type: "discover",
  rapidCommit: false,
  xid: 0,
  flags: 0,
  mac: macFromBytes(CHADDR),
  chaddr: CHADDR,
  source: UNSPECIFIED,
  parameters,
  sizeLimit: LARGEST_REPLY,
});

/** More than any set of options comes to. */
const LARGEST_REPLY = 65_507;
const CHADDR = new Uint8Array(16);
