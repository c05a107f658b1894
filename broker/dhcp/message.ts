// What a client's packet says, as one of the requests of RFC 2131, or why it is none.

import { type Ip, type Mac, ipv4FromUint, macFromBytes } from "#core/address.ts";
import type { GuestDetails } from "#core/lease.ts";
import { type ClientFqdn, fqdnHostName } from "./client-fqdn.ts";
import { hostName } from "./domain-names.ts";
import type { OptionMap } from "./option-fields.ts";
import { options, readOption } from "./options.ts";
import { BOOT_REQUEST, ETHERNET, type Malformed, type Packet, decodePacket } from "./packet.ts";
import { type RelayAgent, readRelayAgent } from "./relay-agent.ts";

/** RFC 2132 9.6. */
export const messageTypes = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
  inform: 8,
} as const;

/** The smallest IP datagram every client takes (RFC 2131 2), and the largest that fits Ethernet. */
const MIN_DATAGRAM = 576;
const MAX_DATAGRAM = 1_500;
const IP_AND_UDP_HEADERS = 28;
/** Bytes of a client identifier that are kept, for people only. */
const MAX_KEPT_IDENTIFIER = 64;

interface Client {
  readonly xid: number;
  readonly flags: number;
  readonly mac: Mac;
  readonly chaddr: Uint8Array;
  /** Source address of the datagram. */
  readonly source: Ip;
  /** The relay it came through. */
  readonly relay?: {
    readonly ip: Ip;
    readonly agent?: RelayAgent;
    readonly information?: Uint8Array;
  };
  readonly serverId?: Ip;
  readonly clientId?: Uint8Array;
  readonly fqdn?: ClientFqdn;
  /** Sanitised: letters, digits, hyphens, underscores and dots. */
  readonly hostName?: string;
  /** Option 55; undefined when absent. */
  readonly parameters?: Uint8Array;
  readonly leaseSeconds?: number;
  /** Largest reply in bytes, without IP and UDP headers. */
  readonly sizeLimit: number;
}

export type DhcpRequest = Client &
  (
    | { readonly type: "discover"; readonly requested?: Ip; readonly rapidCommit: boolean }
    /** An offer is taken up; `serverId` says whose. */
    | {
        readonly type: "request";
        readonly mode: "selecting";
        readonly serverId: Ip;
        readonly requested: Ip;
      }
    /** A remembered address after a restart. */
    | { readonly type: "request"; readonly mode: "init-reboot"; readonly requested: Ip }
    /**
     * Renewing and rebinding differ in the datagram's destination alone (RFC 2131 4.3.2), and a server that is alone on
     * its bridge answers both alike.
     */
    | { readonly type: "request"; readonly mode: "renewing"; readonly ciaddr: Ip }
    | { readonly type: "decline"; readonly declined: Ip }
    | { readonly type: "release"; readonly ciaddr: Ip }
    /** `ciaddr`, or the datagram's source where the client left it out. */
    | { readonly type: "inform"; readonly ciaddr: Ip }
  );

/** Why a packet is not answered; the keys of the drop counters. */
export type NotRequest =
  | Malformed
  | "not-a-request"
  | "hardware"
  | "bootp"
  | "message-type"
  | "address-option"
  | "incomplete";

/** Reads any bytes whatever; never throws. */
export function readRequest(bytes: Uint8Array, source: Ip): DhcpRequest | NotRequest {
  const packet = decodePacket(bytes);
  if (typeof packet === "string") return packet;
  if (packet.op !== BOOT_REQUEST) return "not-a-request";
  if (!hasUnicastMac(packet)) return "hardware";
  const type = packet.options.get(options.messageType.code);
  if (type === undefined) return "bootp";
  if (type.length !== 1) return "message-type";
  // An address of another length would change what the request means.
  for (const { code } of [options.requestedAddress, options.serverIdentifier]) {
    const value = packet.options.get(code);
    if (value !== undefined && value.length !== 4) return "address-option";
  }
  return requestOf(packet, clientOf(packet, source), type[0]);
}

/** What the lease keeps about the guest, for people. */
export function guestDetails(request: DhcpRequest): GuestDetails | undefined {
  const { hostName: name, clientId } = request;
  if (name === undefined && clientId === undefined) return undefined;
  return {
    ...(name === undefined ? {} : { hostname: name }),
    ...(clientId === undefined ? {} : { clientId: hexadecimal(clientId) }),
  };
}

function requestOf(
  packet: Packet,
  client: Client,
  type: number | undefined,
): DhcpRequest | NotRequest {
  const ciaddr = packet.ciaddr === 0 ? undefined : ipv4FromUint(packet.ciaddr);
  const requested = requestedOf(packet);
  switch (type) {
    case messageTypes.discover: {
      const rapidCommit = readOption(packet.options, options.rapidCommit) === true;
      return {
        ...client,
        type: "discover",
        rapidCommit,
        ...(requested === undefined ? {} : { requested }),
      };
    }
    case messageTypes.request:
      return addressRequest(client, requested, ciaddr);
    case messageTypes.decline:
      return requested === undefined
        ? "incomplete"
        : { ...client, type: "decline", declined: requested };
    case messageTypes.release:
      return ciaddr === undefined ? "incomplete" : { ...client, type: "release", ciaddr };
    case messageTypes.inform: {
      const address = ciaddr ?? (client.source === UNSPECIFIED ? undefined : client.source);
      return address === undefined ? "incomplete" : { ...client, type: "inform", ciaddr: address };
    }
    default:
      return "message-type";
  }
}

/** RFC 2131 4.3.2: which of the client's states a DHCPREQUEST comes from. */
function addressRequest(
  client: Client,
  requested: Ip | undefined,
  ciaddr: Ip | undefined,
): DhcpRequest | NotRequest {
  // Some clients put the address they renew into both places.
  if (ciaddr !== undefined && (requested === undefined || requested === ciaddr)) {
    return { ...client, type: "request", mode: "renewing", ciaddr };
  }
  if (requested === undefined) return "incomplete";
  const { serverId } = client;
  if (serverId !== undefined)
    return { ...client, type: "request", mode: "selecting", serverId, requested };
  return { ...client, type: "request", mode: "init-reboot", requested };
}

const UNSPECIFIED = ipv4FromUint(0);

function requestedOf(packet: Packet): Ip | undefined {
  const requested = readOption(packet.options, options.requestedAddress);
  return requested === UNSPECIFIED ? undefined : requested;
}

function hasUnicastMac({ htype, hlen, chaddr }: Packet): boolean {
  if (htype !== ETHERNET || hlen !== 6 || ((chaddr[0] ?? 1) & 1) !== 0) return false;
  for (let index = 0; index < 6; index++) if (chaddr[index] !== 0) return true;
  return false;
}

function clientOf(packet: Packet, source: Ip): Client {
  const { xid, flags, chaddr, options: from } = packet;
  const client: { -readonly [Key in keyof Client]: Client[Key] } = {
    xid,
    flags,
    mac: macFromBytes(chaddr),
    chaddr,
    source,
    sizeLimit: sizeLimitOf(from),
  };
  const serverId = readOption(from, options.serverIdentifier);
  if (serverId !== undefined) client.serverId = serverId;
  const clientId = readOption(from, options.clientIdentifier);
  if (clientId !== undefined) client.clientId = clientId;
  const parameters = from.get(options.parameterRequest.code);
  if (parameters !== undefined) client.parameters = parameters;
  const leaseSeconds = readOption(from, options.leaseTime);
  if (leaseSeconds !== undefined) client.leaseSeconds = leaseSeconds;
  if (packet.giaddr !== 0) client.relay = relayOf(packet.giaddr, from);
  const fqdn = readOption(from, options.clientFqdn);
  if (fqdn !== undefined) client.fqdn = fqdn;
  // RFC 4702 3.1: beside option 81 the host name option is ignored.
  const name =
    fqdn === undefined ? hostName(readOption(from, options.hostName) ?? "") : fqdnHostName(fqdn);
  if (name !== undefined) client.hostName = name;
  return client;
}

function relayOf(giaddr: number, from: OptionMap): NonNullable<Client["relay"]> {
  const information = from.get(options.relayAgentInformation.code);
  const ip = ipv4FromUint(giaddr);
  return information === undefined
    ? { ip }
    : { ip, information, agent: readRelayAgent(information) };
}

function sizeLimitOf(from: OptionMap): number {
  const asked = readOption(from, options.maxMessageSize) ?? MIN_DATAGRAM;
  return Math.min(MAX_DATAGRAM, Math.max(MIN_DATAGRAM, asked)) - IP_AND_UDP_HEADERS;
}

function hexadecimal(bytes: Uint8Array): string {
  const length = Math.min(bytes.length, MAX_KEPT_IDENTIFIER);
  let digits = "";
  for (let index = 0; index < length; index++) digits += HEXADECIMAL[bytes[index] ?? 0] ?? "";
  return digits;
}

const HEXADECIMAL: readonly string[] = Array.from({ length: 256 }, (_, octet) =>
  octet.toString(16).padStart(2, "0"),
);
