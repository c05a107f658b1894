// leases.json: what the Go version wrote is understood, what we write it understands, and no bytes upset the reader.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { decodeMirror, encodeMirror } from "#broker/stores/mirror-rows.ts";
import { openMirror } from "#broker/stores/mirror.ts";
import { type Mac, ip, ipv4FromUint, macFromBytes } from "#core/address.ts";
import { FAR_EXPIRY } from "#core/limits.ts";
import { mirrorEntries, placeholderMac } from "#core/mirror.ts";
import { leaseOf } from "#test/contract/ledger-store.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cocoon-mirror-"));
  path = join(folder, "leases.json");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const mac = macFromBytes(Uint8Array.of(2, 0, 10, 77, 0, 5));
const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const entries = fc.array(
  fc.record({
    mac: fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes): Mac => macFromBytes(bytes)),
    ip: fc.nat(0xffff_ffff).map(ipv4FromUint),
    expiry: fc.integer({ min: 0, max: FAR_EXPIRY }),
  }),
);

test.each([
  ["2026-11-21T10:00:00Z", Date.UTC(2026, 10, 21, 10)],
  ["2026-11-21T10:00:00.123456789Z", Date.UTC(2026, 10, 21, 10, 0, 0, 123)],
  ["2026-11-21T10:00:00.5+02:00", Date.UTC(2026, 10, 21, 8, 0, 0, 500)],
  ["2026-11-21T10:00:00.000000001-05:30", Date.UTC(2026, 10, 21, 15, 30)],
  ["0001-01-01T00:00:00Z", Date.parse("0001-01-01T00:00:00Z")],
])("reads the expiry %s", (expiry, expected) => {
  const { entries: rows, faults } = decodeMirror(
    bytesOf([{ mac: "02:00:0A:4D:00:05", ip: "10.77.0.5", expiry }]),
  );
  expect({ rows, faults }).toEqual({
    rows: [{ mac, ip: "10.77.0.5", expiry: expected }],
    faults: [],
  });
});

test("writes rows as JSON.stringify and toISOString would, whatever the order of the times", () => {
  fc.assert(
    fc.property(entries, (rows) => {
      const slow = rows.map(({ mac: of, ip: at, expiry }) => {
        const time = new Date(expiry).toISOString().replace(".000Z", "Z");
        return JSON.stringify({ mac: of, ip: at, expiry: time });
      });
      const text = slow.length === 0 ? "[]\n" : `[\n  ${slow.join(",\n  ")}\n]\n`;
      expect(encodeMirror(rows)).toBe(text);
    }),
  );
});

test.each([
  [{ mac: "02:00", ip: "10.0.0.1", expiry: "2026-11-21T10:00:00Z" }, "mac"],
  [{ mac, ip: "10.0.0.256", expiry: "2026-11-21T10:00:00Z" }, "ip"],
  [{ mac, ip: "10.0.0.1", expiry: "2026-13-21T10:00:00Z" }, "expiry"],
  [{ mac, ip: "10.0.0.1", expiry: "tomorrow" }, "expiry"],
  [{ mac, ip: "10.0.0.1" }, "expiry"],
  [null, "not an object"],
])("leaves out the bad row %j, says why and keeps the rest", (bad, word) => {
  const good = { mac, ip: "10.77.0.5", expiry: "2026-11-21T10:00:00Z" };
  const { entries: rows, faults } = decodeMirror(bytesOf([bad, good]));
  expect(rows.map((row) => row.ip)).toEqual(["10.77.0.5"]);
  expect(faults).toEqual([expect.stringContaining("row 0")]);
  expect(faults[0]).toContain(word);
});

test("a list of nothing but faults is told in a few lines", () => {
  const { faults } = decodeMirror(bytesOf(Array.from({ length: 1_000 }, () => 1)));
  expect(faults).toHaveLength(6);
  expect(faults.at(-1)).toBe("and 995 more");
});

test("any bytes, and any JSON, are read without an exception", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => decodeMirror(bytes).entries.length === 0,
    ),
  );
  fc.assert(fc.property(fc.json(), (text) => decodeMirror(Buffer.from(text)).entries.length === 0));
});

test("entries survive the way through text", () => {
  fc.assert(
    fc.property(entries, (rows) => {
      expect(decodeMirror(Buffer.from(encodeMirror(rows)))).toEqual({ entries: rows, faults: [] });
    }),
  );
});

test("the file is replaced whole, for the owner alone, and its digest is known beforehand", async () => {
  const told: (readonly string[])[] = [];
  const mirror = openMirror({ path, trouble: (faults) => told.push(faults) });
  expect(await mirror.read()).toBeUndefined();
  writeFileSync(join(folder, ".leases.json.new"), "left by a crash");
  const rows = [{ mac, ip: ip("10.77.0.5"), expiry: FAR_EXPIRY }];
  const digest = await mirror.write(rows);
  expect(await mirror.digest(rows)).toBe(digest);
  expect(await mirror.read()).toEqual({ entries: rows, digest, damaged: false });
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual([
    { mac, ip: "10.77.0.5", expiry: "2100-01-01T00:00:00Z" },
  ]);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(["leases.json"]);
  writeFileSync(path, "[{]");
  expect(await mirror.read()).toMatchObject({ entries: [] });
  expect(told).toHaveLength(1);
});

test("a mirror that cannot be read or written is an error with its path", async () => {
  const mirror = openMirror({ path: folder, trouble: () => undefined });
  await expect(mirror.read()).rejects.toMatchObject({
    code: "system-failure",
    message: expect.stringContaining(folder),
  });
  await expect(mirror.write([])).rejects.toMatchObject({ hint: expect.stringContaining("ledger") });
});

test("containers without a known MAC get a steady, local one of their own", () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat(0xffff_ffff), { minLength: 2, maxLength: 20 }), (numbers) => {
      const macs = numbers.map((number) => placeholderMac(ipv4FromUint(number)));
      expect(new Set(macs).size).toBe(numbers.length);
      for (const made of macs) expect(Number.parseInt(made.slice(0, 2), 16) & 3).toBe(2);
    }),
  );
});

test("the mirror shows leased IPv4 addresses only, sorted, one row for a MAC", () => {
  const guest = leaseOf("10.77.0.20", { owner: { kind: "guest", mac }, until: 99 });
  const leases = [
    guest,
    leaseOf("10.77.0.3"),
    leaseOf("10.77.0.4", { state: "cooling" }),
    leaseOf("fd00::3"),
    leaseOf("10.77.0.100", { mac }),
  ];
  expect(mirrorEntries(leases)).toEqual([
    { mac: placeholderMac(ip("10.77.0.3")), ip: "10.77.0.3", expiry: FAR_EXPIRY },
    { mac, ip: "10.77.0.20", expiry: 99 },
    { mac: placeholderMac(ip("10.77.0.100")), ip: "10.77.0.100", expiry: FAR_EXPIRY },
  ]);
});
