// A ledger that is missing, torn or unreadable never stops the broker from opening one, and is never taken for sound.

import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { open } from "lmdb";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { encodeRecord } from "#broker/stores/record.ts";
import { putLease } from "#core/record.ts";
import { leaseOf } from "#test/contract/ledger-store.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cocoon-damage-"));
  path = join(folder, "ledger");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const LEASES = 2_000;
/** Two commits, so that the ledger has free pages as well. */
async function fill(count = LEASES, durability: "sync" | "relaxed" = "sync"): Promise<void> {
  await using store = await openLmdb({ path, durability });
  await store.commit(
    Array.from({ length: count }, (_, index) =>
      putLease(leaseOf(`10.77.${index >> 8}.${index & 255}`)),
    ),
  );
  await store.commit([putLease(leaseOf("10.99.0.1"))]);
}
const file = () => join(path, "data.mdb");
async function load(durability: "sync" | "relaxed" = "sync") {
  await using store = await openLmdb({ path, durability });
  return await store.load();
}

describe("damage is seen, put aside, and reported until it is settled", () => {
  const damages: readonly (readonly [string, () => void])[] = [
    ["zero length", () => truncateSync(file(), 0)],
    ["cut inside the meta pages", () => truncateSync(file(), 5_000)],
    ["cut in half", () => truncateSync(file(), readFileSync(file()).length / 2)],
    ["random bytes throughout", () => writeFileSync(file(), Buffer.alloc(100_000, "no ledger "))],
    ["a page of zeros", () => overwrite(6 * 4_096, Buffer.alloc(4_096))],
    [
      "noise in every page but the first two",
      () => overwrite(8_192 + 30, Buffer.alloc(readFileSync(file()).length - 8_222, 0xa5)),
    ],
  ];
  test.each(damages)("%s", async (_, damage) => {
    await fill();
    damage();
    const { condition, aside, detail } = await load();
    expect({ condition, told: detail !== undefined && detail !== "" }).toEqual({
      condition: "damaged",
      told: true,
    });
    expect(aside !== undefined && existsSync(join(aside, "data.mdb"))).toBe(true);
    expect(await load()).toMatchObject({ condition: "damaged", aside, detail });
    await settle();
    expect((await load()).condition).toBe("sound");
  });

  test("what other pages hold is carried over", async () => {
    await fill();
    overwrite(12 * 4_096, Buffer.alloc(4_096));
    const { condition, records } = await load();
    expect(condition).toBe("damaged");
    expect(records.length).toBeGreaterThan(LEASES / 2);
    expect(records.length).toBeLessThan(LEASES + 1);
  });

  test("a bad record costs only itself, and is named", async () => {
    await fill(10);
    const raw = open<Buffer, Buffer>({
      path,
      noSubdir: false,
      encoding: "binary",
      keyEncoding: "binary",
      overlappingSync: false,
    });
    await raw.put(Buffer.from("lease 10.77.0.3"), Buffer.from(`[1,{"kind":"lease"`));
    await raw.put(Buffer.from("lease 10.77.0.4"), Buffer.from(`[9,{}]`));
    const other = encodeRecord({ kind: "lease", lease: leaseOf("10.77.0.6") });
    await raw.put(Buffer.from("lease 10.77.0.5"), other);
    await raw.close();
    const { condition, detail, records } = await load();
    expect(condition).toBe("damaged");
    expect(detail).toContain("lease 10.77.0.3");
    expect(detail).toContain("record version 9");
    expect(detail).toContain('the record belongs under "lease 10.77.0.6"');
    expect(records).toHaveLength(8);
  });

  async function settle(): Promise<void> {
    await using store = await openLmdb({ path, durability: "sync" });
    await store.commit([putLease(leaseOf("10.77.0.1"))]);
  }
});

test("any page may be overwritten with anything: opening answers, and only with records that were there", async () => {
  await fill(400);
  const whole = readFileSync(file());
  const damage = fc.record({
    at: fc.nat(whole.length - 1),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 64 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(damage, { minLength: 1, maxLength: 4 }), async (damages) => {
      rmSync(folder, { recursive: true, force: true });
      mkdirSync(path, { recursive: true });
      writeFileSync(file(), whole);
      for (const { at, bytes } of damages) overwrite(at, Buffer.from(bytes));
      await using store = await openLmdb({ path, durability: "sync" });
      const { condition, records } = await store.load();
      await store.commit(
        Array.from({ length: 60 }, (_, index) => putLease(leaseOf(`10.78.0.${index}`))),
      );
      expect(["sound", "damaged", "missing"]).toContain(condition);
      expect(records.length).toBeLessThanOrEqual(401);
      if (condition === "missing") expect(records).toEqual([]);
    }),
    { numRuns: 150 },
  );
});

test("a ledger that lies in the way as a file, or grew a tail, is no obstacle", async () => {
  await fill(3);
  appendFileSync(file(), Buffer.alloc(10_000, 1));
  expect(await load()).toMatchObject({ condition: "sound" });
  rmSync(path, { recursive: true });
  writeFileSync(path, "what is this");
  expect(await load()).toMatchObject({ condition: "damaged", records: [] });
});

test("a relaxed ledger opens as a sync one and back, with all its records", async () => {
  await fill(50, "relaxed");
  expect((await load("sync")).records).toHaveLength(51);
  expect((await load("relaxed")).records).toHaveLength(51);
  expect((await load("sync")).condition).toBe("sound");
});

function overwrite(position: number, bytes: Buffer): void {
  const whole = readFileSync(file());
  bytes.copy(whole, position);
  writeFileSync(file(), whole);
}
