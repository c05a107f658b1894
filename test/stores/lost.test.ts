// A disk that stops answering: the store gives up for good, and says so to whoever has to end the process.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { commitFault } from "#broker/stores/lmdb-fault.ts";
import { ip } from "#core/address.ts";
import { putLease } from "#core/record.ts";
import { leaseAt } from "./lease-at.ts";

test("a commit beyond its time: it and all later ones are refused, and the store is lost", () => {
  const folder = mkdtempSync(join(tmpdir(), "cocoon-lost-"));
  try {
    const slow = ["-f", "-qq", "-e", "trace=fdatasync", "-e", "inject=fdatasync:delay_enter=3s"];
    const program = join(import.meta.dirname, "slow-process.ts");
    const path = join(folder, "ledger");
    const out = join(folder, "trace");
    const told = execFileSync("strace", [...slow, "-o", out, process.execPath, program, path], {
      encoding: "utf8",
    });
    const late = expect.stringContaining("the disk did not answer within 0.5 s");
    expect(JSON.parse(told)).toEqual({ first: late, code: "commit-failed", second: late });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test.each([
  ["a full disk", Object.assign(new Error("No space left on device"), { code: 28 }), false],
  ["an environment in panic", Object.assign(new Error("MDB_PANIC"), { code: -30_795 }), true],
])("%s: lasting is %s", async (_what, error, lasting) => {
  expect(await commitFault(error, "/ledger")).toMatchObject({ lasting });
});

test("a store that was closed is not lost", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cocoon-closed-"));
  const store = await openLmdb({ path: join(folder, "ledger"), durability: "sync" });
  let lost = false;
  void store.lost.then(() => (lost = true));
  await store[Symbol.asyncDispose]();
  await expect(store.commit([putLease(leaseAt(ip("10.0.0.1")))])).rejects.toMatchObject({
    code: "not-ready",
  });
  expect(lost).toBe(false);
  rmSync(folder, { recursive: true, force: true });
});
