// leases.json may be written while a change that it shows is not durable yet: when that fails, the file is put right.

import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import type { MirrorEntry } from "#core/ports.ts";
import { createParts } from "#broker/parts.ts";
import { createTelemetry } from "#broker/telemetry.ts";
import { BOOT, START, mac, pool } from "#test/core/lease-fixtures.ts";
import { openMemoryStore } from "#test/fakes/memory-store.ts";
import { fakeRouteTable } from "#test/fakes/route-table.ts";
import { emptySpool } from "#test/fakes/empty-spool.ts";

const GUEST = { mac: mac(1), ip: ip("10.9.0.2") };

function node() {
  let commit: () => Promise<void> = async () => undefined;
  let file: readonly MirrorEntry[] = [];
  const digest = (entries: readonly MirrorEntry[]) => JSON.stringify(entries);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const parts = createParts({
    store: openMemoryStore({ beforeCommit: () => commit() }),
    routes: fakeRouteTable(),
    mirror: {
      read: async () => ({ entries: file, digest: digest(file) }),
      digest,
      write: async (entries) => digest((file = entries)),
    },
    spool: emptySpool(),
    clock: { now: () => START, boottime: () => 0 },
    bootId: BOOT,
    pool: pool(),
    telemetry: createTelemetry({ level: "error", now: () => START, destination: nowhere }),
    readText: async () => "",
    serving: () => true,
    decorate: undefined,
  });
  return {
    parts,
    shown: () => file.map((entry) => entry.ip),
    nextCommit: (what: () => Promise<void>) => {
      commit = () => {
        commit = async () => undefined;
        return what();
      };
    },
  };
}

test("a release whose commit failed is back in the file at the next rewrite", async () => {
  const { parts, shown, nextCommit } = node();
  await parts.guests.bind({ ...GUEST, mode: "selecting", seconds: 3_600 });
  await parts.mirroring.flush();
  expect(shown()).toEqual([GUEST.ip]);
  const begun = Promise.withResolvers<void>();
  const ending = Promise.withResolvers<void>();
  nextCommit(async () => {
    begun.resolve();
    await ending.promise;
  });
  const released = expect(parts.guests.release(GUEST)).rejects.toMatchObject({
    code: "commit-failed",
  });
  await begun.promise;
  parts.mirroring.touch(["REQUEST"]);
  const rewritten = parts.mirroring.flush();
  ending.reject(new Error("no space left on device"));
  await Promise.all([released, rewritten]);
  expect(shown()).toEqual([]);
  await parts.mirroring.flush();
  expect(shown()).toEqual([GUEST.ip]);
});
