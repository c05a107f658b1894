// The server's decisions (RFC 2131 4.3), pure: what a request asks of the ledger, and the reply to what it answered.

import { type Ip, ip as address } from "#core/address.ts";
import type { BindMode } from "#core/guest.ts";
import { containsIp } from "#core/prefix.ts";
import type { DhcpRequest } from "./message.ts";
import type { OptionField } from "./option-fields.ts";
import { fieldOf, options } from "./options.ts";
import { BROADCAST_FLAG } from "./packet.ts";
import { createParameters } from "./parameters.ts";
import { type DhcpReply, UNSPECIFIED } from "./reply.ts";
import { type DhcpSettings, FOREVER } from "./settings.ts";
import type { Destination } from "./socket-port.ts";

/** Why a well-formed request is not answered. */
export type Unanswered =
  | "relay"
  | "foreign-subnet"
  | "server-id"
  | "other-server"
  | "wrong-source"
  | "not-authoritative";

/** What a request asks to be done. */
type Action =
  | { readonly kind: "offer"; readonly requested?: Ip }
  /** An offer that is bound at once (RFC 4039). */
  | { readonly kind: "rapid-commit"; readonly requested?: Ip; readonly seconds: number }
  | {
      readonly kind: "bind";
      readonly mode: BindMode;
      readonly ip: Ip;
      readonly seconds: number;
    }
  | { readonly kind: "release"; readonly ip: Ip }
  | { readonly kind: "decline"; readonly ip: Ip }
  /** The guest took another server's offer. */
  | { readonly kind: "abandon" }
  | { readonly kind: "inform" }
  | { readonly kind: "drop"; readonly reason: Unanswered };

export interface Answer {
  readonly reply: DhcpReply;
  readonly destination: Destination;
}

export interface Responder {
  actionFor(request: DhcpRequest): Action;
  offered(request: DhcpRequest, ip: Ip): Answer;
  bound(request: DhcpRequest, ip: Ip, seconds: number): Answer;
  /** The NAK, or undefined where only the one server of a bridge may say so. */
  refused(request: DhcpRequest, reason: string): Answer | undefined;
  informed(request: DhcpRequest & { readonly type: "inform" }): Answer;
}

const EVERYBODY = address("255.255.255.255");
/** Renewals are spread by up to this share of the lease, so that guests that booted together drift apart. */
const FUZZ_SHARE = 16;
const MAX_REASON = 200;

/** `random` gives numbers from 0 to 1, 1 excluded. */
export function createResponder(settings: DhcpSettings, random: () => number): Responder {
  const parameters = createParameters(settings);
  return {
    actionFor: (request) => actionFor(request, settings),
    offered: (request, ip) => {
      const lease = leaseFields(leaseSeconds(request, settings), 0);
      const fields = replyFields(request, settings, [...lease, ...parameters(request)]);
      const reply: DhcpReply = { ...headOf(request, fields), type: "offer", yiaddr: ip };
      return { reply, destination: destinationOf(request, ip) };
    },
    bound: (request, ip, seconds) => {
      const renewing = request.type === "request" && request.mode === "renewing";
      const fuzz = renewing ? renewalFuzz(seconds, random) : 0;
      const lease = leaseFields(seconds, fuzz);
      const rapid = request.type === "discover" ? [fieldOf(options.rapidCommit, true)] : [];
      const fields = replyFields(request, settings, [...lease, ...parameters(request), ...rapid]);
      const ciaddr = renewing ? request.ciaddr : UNSPECIFIED;
      const reply: DhcpReply = { ...headOf(request, fields), type: "ack", ciaddr, yiaddr: ip };
      return { reply, destination: destinationOf(request, ip) };
    },
    refused: (request, reason) => {
      const selecting = request.type === "request" && request.mode === "selecting";
      return selecting || settings.authoritative
        ? refusal(request, settings, reason.slice(0, MAX_REASON))
        : undefined;
    },
    informed: (request) => {
      const fields = replyFields(request, settings, parameters(request));
      const { ciaddr } = request;
      return {
        reply: { ...headOf(request, fields), type: "ack", ciaddr, yiaddr: UNSPECIFIED },
        destination: destinationOf(request, ciaddr),
      };
    },
  };
}

function actionFor(request: DhcpRequest, settings: DhcpSettings): Action {
  const { relay, serverId } = request;
  if (relay !== undefined && !settings.allowRelay) return drop("relay");
  const link = relay?.agent?.link;
  if (link !== undefined && !containsIp(settings.subnet, link)) return drop("foreign-subnet");
  const ours =
    serverId === undefined ||
    serverId === serverIdFor(request, settings) ||
    serverId === settings.serverId;
  switch (request.type) {
    case "discover":
      // RFC 2131 table 5: a DISCOVER must not name a server.
      return serverId === undefined ? discoverAction(request, settings) : drop("server-id");
    case "request":
      if (!ours) return request.mode === "selecting" ? { kind: "abandon" } : drop("other-server");
      return {
        kind: "bind",
        mode: request.mode,
        ip: request.mode === "renewing" ? request.ciaddr : request.requested,
        seconds: leaseSeconds(request, settings),
      };
    case "decline":
      // RFC 2131 table 5: a DECLINE must name the server; without it anything on the link could be meant.
      return ours && serverId !== undefined
        ? { kind: "decline", ip: request.declined }
        : drop("other-server");
    case "release":
      if (!ours) return drop("other-server");
      return fromOwnAddress(request)
        ? { kind: "release", ip: request.ciaddr }
        : drop("wrong-source");
    case "inform":
      return containsIp(settings.subnet, request.ciaddr)
        ? { kind: "inform" }
        : drop("foreign-subnet");
    default:
      return request satisfies never;
  }
}

function discoverAction(
  request: DhcpRequest & { readonly type: "discover" },
  settings: DhcpSettings,
): Action {
  const requested = request.requested === undefined ? {} : { requested: request.requested };
  return request.rapidCommit && settings.rapidCommit
    ? { kind: "rapid-commit", ...requested, seconds: leaseSeconds(request, settings) }
    : { kind: "offer", ...requested };
}

const drop = (reason: Unanswered): Action => ({ kind: "drop", reason });

/** Nobody may release for another: on the link the guest speaks from the address itself, or has none yet. */
function fromOwnAddress({
  source,
  ciaddr,
  relay,
}: DhcpRequest & { readonly type: "release" }): boolean {
  return relay !== undefined || source === ciaddr || source === UNSPECIFIED;
}

/** RFC 5107: a relay may speak for the server. */
const serverIdFor = ({ relay }: DhcpRequest, { serverId }: DhcpSettings): Ip =>
  relay?.agent?.serverId ?? serverId;

/** How long the request's lease is to be, in seconds. */
export function leaseSeconds({ leaseSeconds: asked }: DhcpRequest, settings: DhcpSettings): number {
  if (asked === undefined) return settings.leaseSeconds;
  return Math.min(settings.maxLeaseSeconds, Math.max(settings.minLeaseSeconds, asked));
}

/** Seconds by which a renewal is to come early. */
export const renewalFuzz = (seconds: number, random: () => number): number =>
  Math.floor((random() * seconds) / FUZZ_SHARE);

/** T1 and T2 at a half and seven eighths of the lease (RFC 2131 4.4.5). */
export const leaseTimes = (seconds: number, fuzz: number) => ({
  renewal: Math.floor(seconds / 2) - fuzz,
  rebinding: Math.floor((seconds * 7) / 8) - fuzz,
});

/** A lease without end has no T1 and T2. */
function leaseFields(seconds: number, fuzz: number): OptionField[] {
  const lease = fieldOf(options.leaseTime, seconds);
  if (seconds === FOREVER) return [lease];
  const { renewal, rebinding } = leaseTimes(seconds, fuzz);
  return [lease, fieldOf(options.renewalTime, renewal), fieldOf(options.rebindingTime, rebinding)];
}

/** The server first; the client's identifier as it came (RFC 6842) and the relay's information last (RFC 3046 2.1). */
function replyFields(
  request: DhcpRequest,
  settings: DhcpSettings,
  own: readonly OptionField[],
): OptionField[] {
  const fields = [fieldOf(options.serverIdentifier, serverIdFor(request, settings)), ...own];
  const { clientId, relay } = request;
  if (clientId !== undefined) fields.push(fieldOf(options.clientIdentifier, clientId));
  if (relay?.information !== undefined)
    fields.push(fieldOf(options.relayAgentInformation, relay.information));
  return fields;
}

function headOf({ xid, flags, chaddr, relay }: DhcpRequest, fields: readonly OptionField[]) {
  return { xid, flags, chaddr, giaddr: relay?.ip ?? UNSPECIFIED, fields };
}

function refusal(request: DhcpRequest, settings: DhcpSettings, reason: string): Answer {
  const fields = replyFields(request, settings, [fieldOf(options.message, reason)]);
  const head = headOf(request, fields);
  if (request.relay === undefined)
    return { reply: { ...head, type: "nak" }, destination: { kind: "everyone" } };
  // The relay is to broadcast it: the client may have no usable address (RFC 2131 4.3.2).
  const reply: DhcpReply = { ...head, type: "nak", flags: request.flags | BROADCAST_FLAG };
  return { reply, destination: { kind: "relay", ip: request.relay.ip } };
}

/** RFC 2131 4.1 for anything but a NAK: relay, own address, broadcast where asked for, else the address given. */
export function destinationOf(request: DhcpRequest, given: Ip): Destination {
  if (request.relay !== undefined) return { kind: "relay", ip: request.relay.ip };
  const hasAddress =
    request.type === "inform" || (request.type === "request" && request.mode === "renewing");
  const broadcast = !hasAddress && (request.flags & BROADCAST_FLAG) !== 0;
  return { kind: "guest", ip: broadcast ? EVERYBODY : given };
}
