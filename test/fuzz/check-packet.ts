// What must hold for any bytes whatever that are read as a DHCP packet, and for every reply to them.

import { deepStrictEqual, ok } from "node:assert/strict";
import { ip } from "#core/address.ts";
import { parsePrefix } from "#core/prefix.ts";
import { readRequest } from "#broker/dhcp/message.ts";
import { decodePacket, encodePacket } from "#broker/dhcp/packet.ts";
import { decodeReply, encodeReply } from "#broker/dhcp/reply.ts";
import { createResponder } from "#broker/dhcp/respond.ts";
import { dhcpSettings } from "#broker/dhcp/settings.ts";

const subnet = parsePrefix("10.207.0.0/16");
if (subnet === undefined) throw new Error("the subnet is none");
const SOURCES = [ip("0.0.0.0"), ip("10.207.0.9")] as const;
const GIVEN = ip("10.207.3.4");
/** Ethernet's payload without IP and UDP headers. */
const MAX_REPLY = 1_472;
const MIN_REPLY = 300;
/** Bytes around the packet that nobody may see. */
const FENCE = 64;

const responder = createResponder(
  dhcpSettings({ serverId: ip("10.207.0.1"), subnet, allowRelay: true, dns: [ip("192.0.2.53")] }),
  () => 0.5,
);

/** Throws when a promise is broken; otherwise whether the bytes got past the first length check. */
export function checkPacket(bytes: Uint8Array): boolean {
  const packet = decodePacket(bytes);
  fencesHold(bytes);
  if (typeof packet !== "string") {
    const fields = [...packet.options].map(([code, value]) => ({ code, value }));
    const again = decodePacket(encodePacket(packet, fields));
    ok(typeof again !== "string", "what was written cannot be read");
    deepStrictEqual([...again.options], [...packet.options].map(copied));
    for (const field of ["op", "xid", "flags", "ciaddr", "yiaddr", "giaddr", "hlen"] as const)
      deepStrictEqual(again[field], packet[field]);
    deepStrictEqual(Buffer.from(again.chaddr), Buffer.from(packet.chaddr));
  }
  for (const source of SOURCES) checkReplies(bytes, source);
  return packet !== "too-short";
}

/** The same bytes between two different fences read alike: nothing outside is looked at. */
function fencesHold(bytes: Uint8Array): void {
  const [one, other] = [0x00, 0xff].map((fence) => {
    const spare = new Uint8Array(bytes.length + 2 * FENCE).fill(fence);
    spare.set(bytes, FENCE);
    return readRequest(spare.subarray(FENCE, FENCE + bytes.length), SOURCES[0]);
  });
  deepStrictEqual(one, other);
}

function checkReplies(bytes: Uint8Array, source: (typeof SOURCES)[number]): void {
  const request = readRequest(bytes, source);
  if (typeof request === "string") return;
  const action = responder.actionFor(request);
  if (action.kind === "drop") return;
  const answers = [
    responder.offered(request, GIVEN),
    responder.bound(request, GIVEN, 3_600),
    responder.refused(request, "not yours"),
    request.type === "inform" ? responder.informed(request) : undefined,
  ];
  for (const answer of answers) {
    if (answer === undefined) continue;
    const encoded = encodeReply(answer.reply, request.sizeLimit);
    if (encoded === undefined) continue;
    ok(encoded.length >= MIN_REPLY && encoded.length <= MAX_REPLY, `${encoded.length} bytes`);
    ok(encoded.length <= request.sizeLimit, `${encoded.length} of ${request.sizeLimit} bytes`);
    ok(decodeReply(encoded) !== undefined, "a reply that no client can read");
  }
}

const copied = ([code, value]: readonly [number, Uint8Array]): [number, Uint8Array] => [
  code,
  Uint8Array.from(value),
];
