// Replies out of templates are byte for byte what the responder and the encoder make of the same request.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ip, ipv4FromUint, macFromBytes } from "#core/address.ts";
import { parsePrefix } from "#core/prefix.ts";
import { type DhcpRequest, readRequest } from "#broker/dhcp/message.ts";
import { Replies, encode } from "#broker/dhcp/replies.ts";
import { ReplyTemplates } from "#broker/dhcp/reply-template.ts";
import { createResponder } from "#broker/dhcp/respond.ts";
import { type DhcpSettings, FOREVER, dhcpSettings } from "#broker/dhcp/settings.ts";
import { type ClientPacket, clientPacket, letters } from "./client-packet.ts";

const given = {
  serverId: ip("10.133.0.1"),
  subnet: parsePrefix("10.133.0.0/16") ?? expect.unreachable(),
};
const settings = fc
  .record(
    {
      leaseSeconds: fc.constantFrom(120, 3_600, FOREVER),
      maxLeaseSeconds: fc.constantFrom(86_400, FOREVER),
      dns: fc.constantFrom([], [ip("10.133.0.53")]),
      domain: fc.constant("example.net"),
      search: fc.constantFrom(
        ["example.net"],
        Array.from({ length: 60 }, (_, index) => `a-${index}.b`),
      ),
      ntp: fc.constant([ip("10.133.0.2")]),
      mtu: fc.constantFrom(1_450, 1_500),
      allowRelay: fc.constant(true),
    },
    { requiredKeys: [] },
  )
  .map((some): DhcpSettings => dhcpSettings({ ...given, ...some }));
const octets = (most: number) =>
  fc.uint8Array({ maxLength: most }).map((bytes) => Array.from(bytes));
const more = fc
  .record(
    {
      12: fc.constantFrom(letters("guest-7"), letters("not a name")),
      51: fc.constantFrom([0, 0, 14, 16], [255, 255, 255, 255]),
      57: fc.constantFrom([0, 0], [2, 64], [5, 220]),
      61: fc.oneof(octets(20), octets(300)),
      81: fc.constantFrom([0, 0, 0, ...letters("guest-8.example.net")], [1]),
      82: fc.constantFrom([1, 1, 7], [5, 4, 10, 133, 0, 9]),
    },
    { requiredKeys: [] },
  )
  .map((some): Readonly<Record<number, readonly number[]>> => some);
const parameters = fc.option(
  fc.oneof(
    fc.constantFrom([1, 3, 6, 12, 15, 26, 28, 42, 51, 58, 59], [12, 28], []),
    fc.array(fc.constantFrom(1, 3, 12, 15, 28, 42, 81, 119, 121, 249), { maxLength: 12 }),
  ),
  { nil: undefined },
);
const kinds: readonly Partial<ClientPacket>[] = [
  { type: "discover" },
  { type: "request", serverId: "10.133.0.1", requested: "10.133.0.7" },
  { type: "request", requested: "10.133.0.7" },
  { type: "request", ciaddr: "10.133.0.7" },
];
const requests = fc
  .record({
    kind: fc.constantFrom(...kinds),
    xid: fc.nat(0xffff_ffff),
    flags: fc.constantFrom(0, 0x8000, 0x1234),
    mac: fc.uint8Array({ minLength: 5, maxLength: 5 }),
    giaddr: fc.constantFrom(undefined, undefined, undefined, "10.133.0.9"),
    parameters,
    more,
  })
  .map(({ kind, mac, giaddr, parameters: asked, ...rest }) =>
    readRequest(
      clientPacket({
        ...kind,
        ...rest,
        mac: macFromBytes(Uint8Array.of(2, ...mac)),
        ...(giaddr === undefined ? {} : { giaddr }),
        ...(asked === undefined ? {} : { parameters: asked }),
      }),
      ip("0.0.0.0"),
    ),
  )
  .filter((request): request is DhcpRequest => typeof request !== "string");

test("any request, under any settings, is answered with the slow way's bytes", () => {
  fc.assert(
    fc.property(
      settings,
      fc.array(fc.tuple(requests, fc.nat(0xffff_ffff), fc.constantFrom(300, 86_400, FOREVER)), {
        minLength: 1,
        maxLength: 8,
      }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (under, asked, chance) => {
        const responder = createResponder(under, () => chance);
        // One for all of them: templates of earlier requests serve later ones.
        const replies = new Replies(under, responder, () => chance);
        for (const [request, address, seconds] of asked) {
          const given = ipv4FromUint(address);
          const offer = encode(request, responder.offered(request, given));
          expect(replies.offered(request, given)).toEqual(offer);
          const ack = encode(request, responder.bound(request, given, seconds));
          expect(replies.bound(request, given, seconds)).toEqual(ack);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("whatever fits to the last byte comes from a template, and no byte more", () => {
  const search = Array.from({ length: 20 }, (_, index) => `search-${index}`);
  const under = dhcpSettings({ ...given, search });
  const responder = createResponder(under, () => 0);
  const replies = new Replies(under, responder, () => 0);
  const lengths = new Set<number | undefined>();
  for (let length = 2; length <= 255; length++) {
    const identifier = Array.from({ length }, () => 7);
    const packet = clientPacket({ parameters: [119], more: { 61: identifier, 57: [2, 188] } });
    const request = readRequest(packet, ip("0.0.0.0"));
    if (typeof request === "string") expect.unreachable(request);
    const slow = encode(request, responder.offered(request, ip("10.133.0.7")));
    expect(replies.offered(request, ip("10.133.0.7"))).toEqual(slow);
    lengths.add(slow.bytes?.length);
  }
  expect(lengths.has(700 - 28)).toBe(true);
});

const plain = (asked: readonly number[]): DhcpRequest => {
  const request = readRequest(clientPacket({ parameters: asked }), ip("0.0.0.0"));
  return typeof request === "string" ? expect.unreachable(request) : request;
};
const granted = {
  type: "offer",
  ciaddr: 0,
  ip: ip("10.133.0.7"),
  seconds: 3_600,
  renewal: 1_800,
  rebinding: 3_150,
} as const;

test("clients that ask for the same share one template; so many kinds are remembered and no more", () => {
  const under = dhcpSettings(given);
  const responder = createResponder(under, () => 0);
  let made = 0;
  const templates = new ReplyTemplates((asked) => {
    made += 1;
    const request = plain([...asked]);
    return encode(request, responder.offered(request, ip("0.0.0.0"))).bytes;
  });
  for (let round = 0; round < 10; round++)
    expect(templates.reply(plain([1, 3]), granted)).toBeDefined();
  expect(made).toBe(1);
  for (let kind = 0; kind < 300; kind++)
    templates.reply(plain([1, kind & 255, kind >> 8]), granted);
  templates.reply(plain([1, 3]), granted);
  expect(made).toBe(302);
});

test("the common guest is answered from a template, the uncommon one is not", () => {
  const under = dhcpSettings({ ...given, allowRelay: true });
  const responder = createResponder(under, () => 0);
  const templates = new ReplyTemplates((asked) => {
    const request = plain([...asked]);
    return encode(request, responder.offered(request, ip("0.0.0.0"))).bytes;
  });
  expect(templates.reply(plain([1, 3, 6]), granted)).toBeDefined();
  const relayed = { ...plain([1, 3, 6]), relay: { ip: ip("10.133.0.9") } };
  expect(templates.reply(relayed, granted)).toBeUndefined();
  expect(templates.reply(plain([1, 3, 6]), { ...granted, seconds: FOREVER })).toBeUndefined();
});
