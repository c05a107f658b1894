// Addresses as canonical text: what is read, what is refused, and that text and number agree.

import fc from "fast-check";
import { Address4, Address6 } from "ip-address";
import { describe, expect, it } from "vitest";
import {
  familyBits,
  ip,
  ipFamily,
  ipFromNumber,
  ipToNumber,
  ipv4FromUint,
  ipv4ToUint,
  isIp,
  macFromBytes,
  macToBytes,
  parseIp,
  parseMac,
} from "#core/address.ts";

describe("parseIp", () => {
  it.each([
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["10.77.0.5", "10.77.0.5"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0db8:0000:0000:0000:0000:0000:00ff", "2001:db8::ff"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["fe80::", "fe80::"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ])("reads %s as %s", (text, canonical) => {
    expect(parseIp(text)).toBe(canonical);
    expect(ip(text)).toBe(canonical);
    expect(isIp(text)).toBe(text === canonical);
    expect(isIp(canonical)).toBe(true);
  });

  it.each([
    "",
    " ",
    "10.0.0",
    "10.0.0.0.1",
    "10.0.0.256",
    "10.0.0.01",
    "10.0.0.-1",
    "10.0.0.1 ",
    "0x0a.0.0.1",
    "10.0.0.1/24",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "g::",
    "fe80::1%eth0",
    "10.0.0.1::",
    "::10.0.0.1:1",
    "::1.2.3",
    "1:",
  ])("refuses %j", (text) => {
    expect(parseIp(text)).toBeUndefined();
    expect(isIp(text)).toBe(false);
    expect(() => ip(text)).toThrow(`not an IP address: ${JSON.stringify(text)}`);
  });

  it("never throws, and what it reads it reads again the same", () => {
    const likely = fc.stringMatching(/^[0-9a-f:.]{0,40}$/);
    fc.assert(
      fc.property(fc.oneof(fc.string(), likely, fc.ipV4(), fc.ipV6()), (text) => {
        const read = parseIp(text);
        if (read !== undefined) expect(parseIp(read)).toBe(read);
      }),
    );
  });
});

describe("numbers", () => {
  it("IPv4 agrees with an independent reader", () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        const value = new Address4(text).bigInt();
        expect(ipToNumber(ip(text))).toBe(value);
        expect(ipv4ToUint(ip(text))).toBe(Number(value));
        expect(ipv4FromUint(Number(value))).toBe(text);
        expect(ipFromNumber(4, value)).toBe(text);
        expect(ipFamily(ip(text))).toBe(4);
      }),
    );
  });

  it("IPv6 agrees with an independent reader", () => {
    const zeros = fc
      .array(fc.constantFrom("0", "0", "1", "ab", "ffff"), { minLength: 8, maxLength: 8 })
      .map((groups) => groups.join(":"));
    fc.assert(
      fc.property(fc.oneof(fc.ipV6(), zeros), (text) => {
        const peer = new Address6(text);
        expect(ipToNumber(ip(text))).toBe(peer.bigInt());
        expect(ip(text)).toBe(new Address6(peer.canonicalForm()).correctForm());
        expect(ipFromNumber(6, peer.bigInt())).toBe(ip(text));
        expect(ipFamily(ip(text))).toBe(6);
      }),
    );
  });

  it("wraps at the family's width", () => {
    expect(ipFromNumber(4, 2n ** 32n)).toBe("0.0.0.0");
    expect(ipFromNumber(6, -1n)).toBe("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    expect([familyBits(4), familyBits(6)]).toEqual([32, 128]);
  });
});

describe("MAC addresses", () => {
  it.each([
    ["02:00:0A:4d:00:05", "02:00:0a:4d:00:05"],
    ["02-00-0a-4d-00-05", "02:00:0a:4d:00:05"],
  ])("reads %s", (text, canonical) => {
    expect(parseMac(text)).toBe(canonical);
  });

  it.each([
    "",
    "02:00:0a:4d:00",
    "02:00:0a:4d:00:05:06",
    "2:0:a:4d:0:5",
    "02000a4d0005",
    "0g:00:0a:4d:00:05",
    "02:00:0a:4d:00:05\n",
  ])("refuses %j", (text) => {
    expect(parseMac(text)).toBeUndefined();
  });

  it("bytes and back", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
        const mac = macFromBytes(bytes);
        expect(parseMac(mac)).toBe(mac);
        expect([...macToBytes(mac)]).toEqual([...bytes]);
      }),
    );
  });
});
