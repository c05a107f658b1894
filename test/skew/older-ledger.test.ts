// Going forward and back on one node's files: older records are read, newer ones refused by name, and leases.json carries over.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { expect, test } from "vitest";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { decodeRecord } from "#broker/stores/record.ts";
import { putLease } from "#core/record.ts";
import { leaseOf } from "#test/contract/ledger-store.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { addressOf } from "#test/crash/plugin.ts";
import { makeFaultNode } from "#test/faults/fault-node.ts";
import { readGoLeases } from "#test/go-version/go-files.ts";
import { COCOON_NET, nodeEnvironment } from "#test/netns/broker.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import type { Mac } from "#core/address.ts";

const GUEST = "02:69:00:00:00:07" as Mac;
const NEWER_VERSION = 3;

/** Rewrites every record's bytes as another release would have written them. */
async function rewrite(
  path: string,
  change: (key: string, row: unknown[]) => unknown,
): Promise<void> {
  const raw = open<Buffer, Buffer>({
    path,
    noSubdir: false,
    encoding: "binary",
    keyEncoding: "binary",
    overlappingSync: false,
  });
  // All are read before the first is written.
  const entries = Array.from(raw.getRange({}));
  for (const { key, value } of entries) {
    const row = JSON.parse(value.toString()) as unknown[];
    await raw.put(key, Buffer.from(JSON.stringify(change(key.toString(), row))));
  }
  await raw.close();
}

const leases = (count: number) =>
  Array.from({ length: count }, (_, index) => leaseOf(`10.207.65.${index + 1}`));

test("records of the first version are read, and written anew as today's", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ledger");
  const given = leases(20);
  {
    await using store = await openLmdb({ path, durability: "sync" });
    await store.commit(given.map(putLease));
  }
  await rewrite(path, (key, row) => {
    const decoded = decodeRecord(key, Buffer.from(JSON.stringify(row)));
    return [1, "record" in decoded ? decoded.record : {}];
  });
  {
    await using store = await openLmdb({ path, durability: "sync" });
    const { condition, records } = await store.load();
    expect(condition).toBe("sound");
    expect(records).toHaveLength(given.length);
    await store.commit(given.map(putLease));
  }
  const versions = new Set<unknown>();
  await rewrite(path, (_, row) => {
    versions.add(row[0]);
    return row;
  });
  expect([...versions]).toEqual([2]);
});

test("records of a later release are refused, and stay where they are", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "ledger");
  {
    await using store = await openLmdb({ path, durability: "sync" });
    await store.commit(leases(5).map(putLease));
  }
  await rewrite(path, (_, row) => [NEWER_VERSION, ...row.slice(1)]);
  await expect(openLmdb({ path, durability: "sync" })).rejects.toMatchObject({
    code: "unsupported-version",
    message: expect.stringContaining("written by a later release: 5 of its records"),
    details: expect.stringContaining(`record version ${NEWER_VERSION}`),
  });
  expect(readdirSync(folder.path)).toEqual(["ledger"]);
  await rewrite(path, (_, row) => [2, ...row.slice(1)]);
  await using store = await openLmdb({ path, durability: "sync" });
  expect((await store.load()).records).toHaveLength(5);
});

test("a node goes back a release: the ledger is moved away, and every address stays with its holder", async () => {
  await using node = await makeFaultNode();
  const { broker, folder } = node;
  const pod = await node.add("pod");
  const guest = await node.lease(GUEST);
  expect(await broker.stop()).toBe(0);
  const mirrored = (await readGoLeases(broker.paths.state)).map(({ ip }) => ip);
  expect(mirrored.toSorted()).toEqual([pod, guest].toSorted());
  const ledger = join(broker.paths.state, "ledger");
  await rewrite(ledger, (_, row) => [NEWER_VERSION, ...row.slice(1)]);

  const env = { ...process.env, ...nodeEnvironment({ folder }), COCOON_NET_METRICS_ADDR: "" };
  const argv = ["netns", "exec", node.node.name, COCOON_NET, "daemon", "--skip-iptables"];
  expect(() => execFileSync("ip", argv, { env, encoding: "utf8", stdio: "pipe" })).toThrow(
    /written by a later release/,
  );
  expect(existsSync(ledger)).toBe(true);

  renameSync(ledger, `${ledger}.later`);
  await broker.start();
  expect(await node.reclaim(GUEST)).toBe(guest);
  const held = (await leasesOf(broker)).filter(({ state }) => state === "leased");
  expect(held.map(({ ip }) => ip).toSorted()).toEqual([pod, guest].toSorted());
  const next = addressOf(await node.call({ verb: "ADD", id: "next" }));
  expect([pod, guest]).not.toContain(next);
  // Whose the container's address is was only in the ledger: an operator gives it back.
  const forgotten = await broker.ask("DELETE", `/v1/leases/${pod}`);
  expect(forgotten).toMatchObject({ status: 200, body: { ip: pod, released: true } });
});
