// The option table: each row against bytes from its RFC, and there and back for anything it can say.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ip, ipv4FromUint } from "#core/address.ts";
import { parsePrefix, prefixOf } from "#core/prefix.ts";
import {
  type OptionField,
  fieldSize,
  readOptions,
  writeField,
} from "#broker/dhcp/option-fields.ts";
import { fieldOf, options, readOption } from "#broker/dhcp/options.ts";
import { hex } from "./client-packet.ts";

const prefix = (text: string) => parsePrefix(text) ?? expect.unreachable(text);
const address = fc.nat({ max: 0xffffffff }).map(ipv4FromUint);
const seconds = fc.nat({ max: 0xffffffff });
const bytes = fc.uint8Array({ minLength: 2, maxLength: 600 });
const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join("."));
const printable = fc.stringMatching(/^[ -~]{1,300}$/);
const addresses = fc.array(address, { minLength: 1, maxLength: 80 });
const route = fc
  .tuple(address, fc.nat({ max: 32 }), address)
  .map(([to, width, router]) => ({ destination: prefixOf(to, width), router }));
const routes = fc.array(route, { minLength: 1, maxLength: 60 });

const values: Readonly<Record<keyof typeof options, fc.Arbitrary<unknown>>> = {
  subnetMask: address,
  routers: addresses,
  domainNameServers: addresses,
  hostName: printable,
  domainName: printable,
  interfaceMtu: fc.nat({ max: 0xffff }),
  broadcastAddress: address,
  ntpServers: addresses,
  requestedAddress: address,
  leaseTime: seconds,
  messageType: fc.nat({ max: 255 }),
  serverIdentifier: address,
  parameterRequest: bytes,
  message: printable,
  maxMessageSize: fc.nat({ max: 0xffff }),
  renewalTime: seconds,
  rebindingTime: seconds,
  clientIdentifier: bytes,
  rapidCommit: fc.constant(true),
  clientFqdn: fc.record({ flags: fc.nat({ max: 255 }), name: fc.uint8Array({ maxLength: 252 }) }),
  relayAgentInformation: bytes,
  domainSearch: fc.array(name, { minLength: 1, maxLength: 30 }),
  classlessRoutes: routes,
  microsoftClasslessRoutes: routes,
};

describe("the option table", () => {
  test.each(Object.keys(options) as (keyof typeof options)[])("%s goes there and back", (key) => {
    // The generator is that of this very row.
    const row = options[key] as Parameters<typeof readOption<unknown>>[1];
    fc.assert(
      fc.property(values[key], (value) => {
        const field = fieldOf(row, value);
        const area = new Uint8Array(fieldSize(field));
        expect(writeField(area, 0, field)).toBe(area.length);
        const read = new Map<number, Uint8Array>();
        expect(readOptions(area, read)).toBe(true);
        expect(readOption(read, row)).toEqual(value);
      }),
      { numRuns: 100 },
    );
  });

  test.each(Object.keys(options) as (keyof typeof options)[])("%s takes any bytes", (key) => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (any) => {
        options[key].decode(any);
      }),
      { numRuns: 300 },
    );
  });

  test("codes are unique", () => {
    const codes = Object.values(options).map(({ code }) => code);
    expect(new Set(codes).size).toBe(codes.length);
  });
});

test("121: the default route and a host route, as RFC 3442 packs them", () => {
  const packed = options.classlessRoutes.encode([
    { destination: prefix("0.0.0.0/0"), router: ip("10.0.0.1") },
    { destination: prefix("169.254.169.254/32"), router: ip("10.0.0.1") },
    { destination: prefix("10.229.0.128/25"), router: ip("0.0.0.0") },
  ]);
  expect(hex(packed)).toBe("000a00000120a9fea9fe0a000001190ae5008000000000");
  expect(
    options.classlessRoutes.decode(Uint8Array.of(33, 1, 2, 3, 4, 5, 1, 2, 3, 4)),
  ).toBeUndefined();
});

test("119: names share their ends (RFC 3397), and pointers forward or in a circle are refused", () => {
  const packed = options.domainSearch.encode(["eng.apple.com", "marketing.apple.com"]);
  expect(hex(packed)).toBe("03656e67056170706c6503636f6d00096d61726b6574696e67c004");
  for (const damaged of [[0xc0, 0], [1, 97, 0xc0, 2], [1, 97], [64, 97], [0xc0]])
    expect(options.domainSearch.decode(Uint8Array.from(damaged))).toBeUndefined();
});

describe("option areas", () => {
  const read = (area: readonly number[]) => {
    const into = new Map<number, Uint8Array>();
    const sound = readOptions(Uint8Array.from(area), into);
    return sound
      ? Object.fromEntries([...into].map(([code, value]) => [code, hex(value)]))
      : "damaged";
  };
  test.each([
    ["nothing", [], {}],
    [
      "padding in odd and even runs",
      [0, 53, 1, 1, 0, 0, 12, 1, 97, 0, 0, 0, 55, 1, 3],
      { 53: "01", 12: "61", 55: "03" },
    ],
    ["no END", [53, 1, 3], { 53: "03" }],
    ["what follows END", [53, 1, 3, 255, 1, 9], { 53: "03" }],
    ["a value in two pieces", [119, 1, 7, 50, 1, 1, 119, 2, 8, 9], { 119: "070809", 50: "01" }],
    ["a length beyond the area", [53, 1, 3, 12, 2, 97], "damaged"],
    ["a code without a length", [53, 1, 3, 12], "damaged"],
    ["a zero length", [61, 0], { 61: "" }],
  ])("%s", (_name, area, expected) => {
    expect(read(area)).toEqual(expected);
  });

  test("any fields, long ones in pieces of at most 255 bytes, come back joined", () => {
    const field = fc.record({
      code: fc.integer({ min: 1, max: 254 }),
      value: fc.uint8Array({ maxLength: 700 }),
    });
    const fields = fc.uniqueArray(field, {
      selector: ({ code }: OptionField) => code,
      maxLength: 12,
    });
    fc.assert(
      fc.property(fields, (wanted) => {
        const area = new Uint8Array(wanted.reduce((size, one) => size + fieldSize(one), 0));
        let at = 0;
        for (const one of wanted) at = writeField(area, at, one);
        expect(at).toBe(area.length);
        const into = new Map<number, Uint8Array>();
        expect(readOptions(area, into)).toBe(true);
        expect([...into]).toEqual(wanted.map(({ code, value }) => [code, value]));
      }),
    );
  });
});
