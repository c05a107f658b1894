// What an acknowledged commit is worth: a sync before it by strace, a killed process, a full disk, a folder without rights.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { ip } from "#core/address.ts";
import { deleteLease, leaseKey, putLease, recordKey } from "#core/record.ts";
import { leaseOf } from "#test/contract/ledger-store.ts";

const program = join(import.meta.dirname, "ledger-process.ts");
let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "cocoon-durable-"));
  path = join(folder, "ledger");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("by strace", () => {
  const SYNC =
    /(?:fdatasync|fsync|msync)\(.*\)? += 0|<\.\.\. (?:fdatasync|fsync|msync) resumed>.*= 0/;

  test.each(["sync", "relaxed"])("%s: data is written and synced in its order", (durability) => {
    const trace = join(folder, "trace");
    const calls = "trace=pwrite64,pwritev,pwritev2,writev,write,fdatasync,fsync,msync";
    // A slow disk: an acknowledgement that did not wait for its sync comes out in front of it.
    const slow = durability === "sync" ? ["-e", "inject=fdatasync:delay_enter=100ms"] : [];
    execFileSync(
      "strace",
      [
        "-f",
        ...slow,
        "-qq",
        "-e",
        calls,
        "-o",
        trace,
        process.execPath,
        program,
        path,
        durability,
        "5",
        "150",
      ],
      { stdio: "ignore" },
    );
    const lines = readFileSync(trace, "utf8").split("\n");
    for (let index = 0; index < 5; index++) {
      const begin = lines.findIndex((line) => line.includes(`"begin ${index}`));
      const done = lines.findIndex((line) => line.includes(`"done ${index}`));
      const next = lines.findIndex((line) => line.includes(`"begin ${index + 1}`));
      const before = lines.slice(begin, done);
      const written = before.findIndex((line) => / (pwrite64|p?writev2?)\(/.test(line));
      expect({ index, begin: begin >= 0, done: done > begin, written: written >= 0 }).toEqual({
        index,
        begin: true,
        done: true,
        written: true,
      });
      // sync: before the acknowledgement. relaxed: within the 150 ms before the next commit at the latest.
      const until = durability === "sync" ? done : next === -1 ? lines.length : next;
      expect(lines.slice(begin + written, until).some((line) => SYNC.test(line))).toBe(true);
    }
  });
});

describe("killed at random", () => {
  test.each(["sync", "relaxed"] as const)(
    "%s: whatever was acknowledged is there",
    async (durability) => {
      const acknowledged = new Set<number>();
      for (let round = 0; round < 6; round++) {
        const child = spawn(process.execPath, [program, path, durability, "0"], {
          stdio: ["ignore", "pipe", "inherit"],
        });
        await readUntil(child, acknowledged, 40 + Math.floor(Math.random() * 200));
        const found = await indexes(durability);
        for (const index of acknowledged) expect(found.has(index)).toBe(true);
        // One commit at a time: nothing beyond the one that was under way.
        expect(found.size).toBeLessThanOrEqual(acknowledged.size + round + 1);
        for (const index of found) acknowledged.add(index);
      }
      expect(acknowledged.size).toBeGreaterThan(200);
    },
    60_000,
  );

  async function readUntil(
    child: ChildProcess,
    acknowledged: Set<number>,
    commits: number,
  ): Promise<void> {
    if (child.stdout === null) throw new Error("the child has no output");
    const exited = once(child, "exit");
    let left = commits;
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.startsWith("done ")) {
        acknowledged.add(Number(line.slice(5)));
        if (--left === 0) child.kill("SIGKILL");
      }
    }
    await exited;
  }

  async function indexes(durability: "sync" | "relaxed"): Promise<Set<number>> {
    await using store = await openLmdb({ path, durability });
    const { condition, records } = await store.load();
    expect(condition).toBe("sound");
    return new Set(
      records.map((record) =>
        record.kind === "lease"
          ? Number(record.lease.ip.split(".").reduce((sum, part) => sum * 256 + Number(part), 0)) -
            0x0a00_0000
          : -1,
      ),
    );
  }
});

describe("a full disk", () => {
  const mount = () => join(folder, "small");
  beforeEach(() => {
    mkdirSync(mount());
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", mount()]);
  });
  afterEach(() => execFileSync("umount", ["-l", mount()]));

  test.each(["sync", "relaxed"] as const)(
    "%s: a commit that finds no room changes nothing; with room the next one succeeds",
    async (durability) => {
      const at = { path: join(mount(), "ledger"), durability };
      const kept = new Set<string>();
      {
        await using store = await openLmdb(at);
        const filler = join(mount(), "filler");
        await store.commit([putLease(leaseOf("10.77.255.1"))]);
        kept.add(leaseKey(ip("10.77.255.1")));
        writeFileSync(filler, Buffer.alloc(1_024 * 1_024));
        let refused: unknown;
        for (let index = 0; refused === undefined && index < 400; index++) {
          const changes = Array.from({ length: 20 }, (_, part) =>
            putLease(leaseOf(`10.${index}.0.${part}`)),
          );
          try {
            await store.commit([...changes, deleteLease(ip("10.77.255.9"))]);
            for (const change of changes)
              kept.add(change.op === "put" ? recordKey(change.record) : change.key);
          } catch (error) {
            refused = error;
          }
        }
        expect(refused).toMatchObject({
          code: "commit-failed",
          hint: expect.stringContaining("make room"),
        });
        await expect(
          store.commit([putLease(leaseOf("10.99.0.1", { sticky: "x".repeat(900_000) }))]),
        ).rejects.toMatchObject({ code: "commit-failed" });
        rmSync(filler);
        await store.commit([putLease(leaseOf("10.99.0.2"))]);
        kept.add(leaseKey(ip("10.99.0.2")));
      }
      await using store = await openLmdb(at);
      const { condition, records } = await store.load();
      expect(condition).toBe("sound");
      expect(new Set(records.map(recordKey))).toEqual(kept);
    },
  );
});

describe("a place that cannot be written", () => {
  test("read-only file system: an error with the path and the next step, nothing left behind", async () => {
    const mount = join(folder, "readonly");
    mkdirSync(mount);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m,ro", "tmpfs", mount]);
    try {
      const open = openLmdb({ path: join(mount, "ledger"), durability: "sync" });
      await expect(open).rejects.toMatchObject({
        code: "permission-denied",
        message: expect.stringContaining(join(mount, "ledger")),
        hint: expect.stringContaining("--state-dir"),
      });
    } finally {
      execFileSync("umount", [mount]);
    }
  });

  test("a sound ledger on a file system that turned read-only is not put aside", async () => {
    const mount = join(folder, "turned");
    mkdirSync(mount);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", mount]);
    try {
      const at = { path: join(mount, "ledger"), durability: "sync" } as const;
      await using first = await openLmdb(at);
      await first.commit([putLease(leaseOf("10.77.0.1"))]);
      await first[Symbol.asyncDispose]();
      execFileSync("mount", ["-o", "remount,ro", mount]);
      await expect(openLmdb(at)).rejects.toMatchObject({ code: "permission-denied" });
      execFileSync("mount", ["-o", "remount,rw", mount]);
      await using again = await openLmdb(at);
      expect((await again.load()).condition).toBe("sound");
    } finally {
      execFileSync("umount", ["-l", mount]);
    }
  });

  test("the folder and its files are for the owner alone", async () => {
    await using store = await openLmdb({ path, durability: "sync" });
    await store.commit([putLease(leaseOf("10.77.0.1"))]);
    const modes = execFileSync(
      "stat",
      ["-c", "%a", path, join(path, "data.mdb"), join(path, "lock.mdb")],
      { encoding: "utf8" },
    );
    expect(modes.trim().split("\n")).toEqual(["700", "600", "600"]);
  });
});
