// Checklist R and O: the fields and options of a reply.

import { describe, expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { parsePrefix } from "#core/prefix.ts";
import { client, clientPacket, hex, letters, XID } from "./client-packet.ts";
import { brief, codesOf, optionOf, startEngine } from "./engine.ts";

const prefix = (text: string) => parsePrefix(text) ?? expect.unreachable(text);
const IDENTIFIER = [255, 0, 1, 2, 3, 0, 9];
const selecting = { type: "request", serverId: "10.9.0.1", requested: "10.9.0.2" } as const;
const refused = { type: "request", requested: "10.8.0.2" } as const;
const domainOf = (count: number) =>
  Array.from({ length: count }, (_, index) => `search-${index}.example.net`);

describe("R", () => {
  test("R1, R2, R3 fixed fields of OFFER, ACK and NAK", async () => {
    await using engine = await startEngine();
    const chaddr = `${client(1).replaceAll(":", "")}${"0".repeat(20)}`;
    const head = `020106003903f32600008000`;
    const rest = `0000000000000000${chaddr}${"0".repeat(384)}63825363`;
    const fixed = async (packet: Parameters<typeof clientPacket>[0]) => {
      const [sent] = await engine.ask({ flags: 0x8000, xid: XID, secs: 7, ...packet });
      return hex(sent?.bytes.subarray(0, 240));
    };
    expect(await fixed({})).toBe(`${head}000000000a090002${rest}`);
    expect(await fixed(selecting)).toBe(`${head}000000000a090002${rest}`);
    expect(await fixed({ type: "request", ciaddr: "10.9.0.2" })).toBe(
      `${head}0a0900020a090002${rest}`,
    );
    expect(await fixed({ type: "request", ciaddr: "10.8.0.2" })).toBe(
      `${head}0000000000000000${rest}`,
    );
  });

  test("R4 53 first, 54, 51, 58, 59, 1, the rest, 61, 82 last, END, padded to 300 bytes", async () => {
    await using engine = await startEngine({ settings: { allowRelay: true } });
    const [sent] = await engine.ask({
      giaddr: "10.9.0.9",
      more: { 61: IDENTIFIER, 82: [1, 1, 7] },
    });
    expect(sent === undefined ? [] : codesOf(sent)).toEqual([
      53, 54, 51, 58, 59, 1, 3, 6, 28, 61, 82,
    ]);
    expect((await engine.ask({}))[0]?.bytes.length).toBe(300);
  });

  test("R5, O11 what does not fit is left out from the back, the relay's information only then", async () => {
    await using engine = await startEngine({
      settings: { allowRelay: true, search: domainOf(60) },
    });
    const long = Array.from({ length: 250 }, () => 7);
    const [some] = await engine.ask({
      parameters: [28, 119],
      giaddr: "10.9.0.9",
      more: { 82: [1, 1, 7] },
    });
    expect(some === undefined ? [] : codesOf(some)).toEqual([53, 54, 51, 58, 59, 1, 3, 6, 28, 82]);
    const [less] = await engine.ask({ giaddr: "10.9.0.9", more: { 61: long, 82: [...long] } });
    expect(less === undefined ? [] : codesOf(less)).toEqual([53, 54, 51, 58, 59, 1, 3, 6, 28, 61]);
    expect(brief(await engine.ask({ more: { 61: [...long, ...long] } }))).toBe("silence");
    expect(engine.counters.dropped.get("reply-too-long")).toBe(1);
  });

  test.each([119, 121])(
    "R6 a value of more than 255 bytes goes in pieces: option %i",
    async (code) => {
      const routes = Array.from({ length: 40 }, (_, index) => ({
        destination: prefix(`10.${index}.0.0/16`),
        router: ip("10.9.0.1"),
      }));
      await using engine = await startEngine({ settings: { search: domainOf(25), routes } });
      const [sent] = await engine.ask({ parameters: [code], more: { 57: [5, 220] } });
      if (sent === undefined) return expect.unreachable("no reply");
      const pieces = codesOf(sent).filter((seen) => seen === code).length;
      expect(pieces).toBe(2);
      expect(sent.reply.fields.find((field) => field.code === code)?.value.length).toBeGreaterThan(
        255,
      );
    },
  );

  test("R7 the client identifier comes back in OFFER, ACK and NAK, and only then", async () => {
    await using engine = await startEngine();
    const more = { 61: IDENTIFIER };
    for (const packet of [{}, selecting, refused]) {
      expect(optionOf(await engine.ask({ ...packet, more }), 61)).toBe("ff000102030009");
      expect(optionOf(await engine.ask(packet), 61)).toBe("absent");
    }
  });

  test("R8 no 50, 55, 57; OFFER and ACK say the same", async () => {
    await using engine = await startEngine({
      settings: { domain: "example.org", search: ["example.org"] },
    });
    const asked = {
      parameters: [1, 3, 6, 12, 15, 28, 50, 55, 57, 119],
      more: { 57: [5, 220], 12: letters("me") },
    };
    const [offer] = await engine.ask({ ...asked, requested: "10.9.0.2" });
    const [ack] = await engine.ask({ ...asked, ...selecting });
    expect(ack?.reply.fields).toEqual(offer?.reply.fields);
    expect(offer === undefined ? [] : codesOf(offer)).toEqual([
      53, 54, 51, 58, 59, 1, 3, 6, 15, 28, 119, 12,
    ]);
  });

  test("R9 a NAK has 53, 54, 56, 61 and 82 alone", async () => {
    await using engine = await startEngine({ settings: { allowRelay: true } });
    const more = { 61: IDENTIFIER, 82: [1, 1, 7], 57: [5, 220] };
    const [sent] = await engine.ask({
      ...refused,
      giaddr: "10.9.0.9",
      parameters: [1, 3, 28],
      more,
    });
    expect(sent === undefined ? [] : codesOf(sent)).toEqual([53, 54, 56, 61, 82]);
  });
});

describe("O", () => {
  test("O1, O3 the mask and the default set without option 55, and always the indispensable", async () => {
    await using engine = await startEngine({ settings: { domain: "example.org" } });
    const [plain] = await engine.ask({});
    expect(plain === undefined ? [] : codesOf(plain)).toEqual([
      53, 54, 51, 58, 59, 1, 3, 6, 15, 28,
    ]);
    const asked = await engine.ask({ parameters: [42] });
    expect(asked[0] === undefined ? [] : codesOf(asked[0])).toEqual([53, 54, 51, 58, 59, 1, 3, 6]);
    expect([1, 3, 6, 54].map((code) => optionOf(asked, code))).toEqual([
      "fffffff8",
      "0a090001",
      "0a090001",
      "0a090001",
    ]);
  });

  test.each([
    [1_500, "absent"],
    [1_460, "05b4"],
    [9_000, "2328"],
  ])("O1 option 26 of a bridge with MTU %i: %s", async (mtu, expected) => {
    await using engine = await startEngine({ settings: { mtu } });
    expect(optionOf(await engine.ask({ parameters: [1] }), 26)).toBe(expected);
  });

  test("O1 28 is computed, 42 and 12 come when asked for", async () => {
    await using engine = await startEngine({ settings: { ntp: [ip("10.9.0.1")] } });
    const sent = await engine.ask({ parameters: [28, 42, 12], more: { 12: letters("me") } });
    expect([28, 42, 12].map((code) => optionOf(sent, code))).toEqual([
      "0a090007",
      "0a090001",
      "6d65",
    ]);
  });

  test("O2 T1 is a half, T2 seven eighths", async () => {
    await using engine = await startEngine({ settings: { leaseSeconds: 3_600 } });
    const sent = await engine.ask({});
    expect([51, 58, 59].map((code) => optionOf(sent, code))).toEqual([
      "00000e10",
      "00000708",
      "00000c4e",
    ]);
  });

  test("O4, O5 121 has the default route; 249 says the same, when asked for", async () => {
    const routes = [{ destination: prefix("169.254.169.254/32"), router: ip("10.9.0.1") }];
    await using engine = await startEngine({ settings: { routes } });
    const packed = "000a09000120a9fea9fe0a090001";
    const sent = await engine.ask({ parameters: [121] });
    expect([121, 249].map((code) => optionOf(sent, code))).toEqual([packed, "absent"]);
    const both = await engine.ask({ parameters: [121, 249] });
    expect([121, 249].map((code) => optionOf(both, code))).toEqual([packed, packed]);
  });

  test("O4 without routes there is no 121: option 3 is enough", async () => {
    await using engine = await startEngine();
    expect(optionOf(await engine.ask({ parameters: [121] }), 121)).toBe("absent");
  });

  test("O6, O7 search list and domain name in wire form", async () => {
    const settings = { search: ["eng.apple.com", "marketing.apple.com"], domain: "apple.com" };
    await using engine = await startEngine({ settings });
    const sent = await engine.ask({ parameters: [15, 119] });
    expect(optionOf(sent, 119)).toBe("03656e67056170706c6503636f6d00096d61726b6574696e67c004");
    expect(optionOf(sent, 15)).toBe(hex(Uint8Array.from(letters("apple.com"))));
  });

  test.each([
    ["asks the server to update", [1, 0, 0, 97], "0affff61"],
    ["updates itself", [0, 0, 0, 97], "08ffff61"],
    ["in wire form", [5, 0, 0, 1, 97, 0], "0effff016100"],
  ])("O8 81 says that nothing is updated to a client that %s", async (_name, value, expected) => {
    await using engine = await startEngine();
    expect(optionOf(await engine.ask({ more: { 81: value } }), 81)).toBe(expected);
  });

  test.each([108, 116, 118])("O9, O10, O12 %i is never sent", async (code) => {
    await using engine = await startEngine();
    const sent = await engine.ask({ parameters: [code], more: { [code]: [0, 0, 0, 0] } });
    expect(brief(sent)).toBe("offer 10.9.0.2 to 10.9.0.2");
    expect(optionOf(sent, code)).toBe("absent");
  });

  test("O11 82 comes back as it was, from a relay alone", async () => {
    await using engine = await startEngine({ settings: { allowRelay: true } });
    const more = { 82: [1, 2, 7, 8, 200, 9] };
    expect(optionOf(await engine.ask({ giaddr: "10.9.0.9", more }), 82)).toBe("01020708c809");
    expect(optionOf(await engine.ask({ more }), 82)).toBe("absent");
  });
});
