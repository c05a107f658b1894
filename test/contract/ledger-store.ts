// What every ledger store keeps: one suite, run on the fake and on the real one.

import { afterEach, expect, test } from "vitest";
import { ip, parseMac } from "#core/address.ts";
import { type Lease, ownerKey } from "#core/lease.ts";
import type { LedgerStore } from "#core/ports.ts";
import {
  type Change,
  type LedgerRecord,
  affinityKey,
  deleteLease,
  leaseKey,
  putLease,
  recordKey,
} from "#core/record.ts";
import { leaseAt } from "#test/stores/lease-at.ts";

/** A place that outlives its stores: `open` is called again after the store before was closed. */
export interface LedgerPlace {
  open(): Promise<LedgerStore>;
  remove(): Promise<void>;
}

const mac = parseMac("02:00:0a:4d:00:05") ?? expect.fail("a MAC address");

export const leaseOf = (address: string, more: Partial<Lease> = {}): Lease =>
  leaseAt(ip(address), more);

/** One record of each kind. */
export const everyKind: readonly LedgerRecord[] = [
  {
    kind: "lease",
    lease: leaseOf("10.77.0.5", {
      mac,
      sticky: "default/web-0",
      set: 0,
      provisional: true,
      until: 5,
    }),
  },
  {
    kind: "lease",
    lease: leaseOf("fd00::5", { state: "cooling", guest: { hostname: "vm", clientId: "01ff" } }),
  },
  {
    kind: "lease",
    lease: leaseOf("10.77.0.6", {
      state: "quarantined",
      owner: { kind: "found", evidence: "route" },
    }),
  },
  { kind: "lease", lease: leaseOf("10.77.0.7", { owner: { kind: "guest", mac } }) },
  {
    kind: "tombstone",
    tombstone: {
      key: ownerKey({ kind: "guest", mac }),
      stamp: { bootId: "b", boottime: "1" },
      until: 9,
    },
  },
  { kind: "affinity", affinity: { mac, ip: ip("10.77.0.9"), at: 1 } },
  { kind: "cursor", cursor: { name: "pods 0", ip: ip("10.77.0.9") } },
  { kind: "meta", meta: { name: "sequence", value: "12" } },
];

export function ledgerStoreContract(name: string, makePlace: () => Promise<LedgerPlace>): void {
  const places: LedgerPlace[] = [];
  afterEach(async () => {
    for (const place of places.splice(0)) await place.remove();
  });

  async function place(): Promise<LedgerPlace> {
    const made = await makePlace();
    places.push(made);
    return made;
  }
  /** Opens the place, runs `work`, closes it again and answers with what another opening loads. */
  async function reloaded(
    at: LedgerPlace,
    work: (store: LedgerStore) => Promise<void>,
  ): Promise<Map<string, LedgerRecord>> {
    await using store = await at.open();
    await store.load();
    await work(store);
    await store[Symbol.asyncDispose]();
    await using next = await at.open();
    const { condition, records } = await next.load();
    expect(condition).toBe(records.length === 0 ? "missing" : "sound");
    return new Map(records.map((record) => [recordKey(record), record]));
  }

  test(`${name}: a ledger that never was is missing`, async () => {
    await using store = await (await place()).open();
    expect(await store.load()).toEqual({ condition: "missing", records: [] });
  });

  test(`${name}: every kind of record comes back as it was`, async () => {
    const kept = await reloaded(await place(), (store) =>
      store.commit(everyKind.map((record) => ({ op: "put", record }))),
    );
    expect([...kept.values()].toSorted(byKey)).toEqual([...everyKind].toSorted(byKey));
  });

  test(`${name}: within a commit the later change wins`, async () => {
    const first = ip("10.77.0.1");
    const second = ip("10.77.0.2");
    const kept = await reloaded(await place(), (store) =>
      store.commit([
        putLease(leaseOf(first)),
        deleteLease(first),
        deleteLease(second),
        putLease(leaseOf(second, { sequence: 8 })),
      ]),
    );
    expect([...kept.keys()]).toEqual([leaseKey(second)]);
  });

  test(`${name}: commits overwrite and delete; deleting what is not there succeeds`, async () => {
    const kept = await reloaded(await place(), async (store) => {
      await store.commit([putLease(leaseOf("10.77.0.1")), putLease(leaseOf("10.77.0.2"))]);
      await store.commit([
        putLease(leaseOf("10.77.0.1", { sequence: 99 })),
        deleteLease(ip("10.77.0.2")),
      ]);
      await store.commit([{ op: "delete", key: affinityKey(mac) }]);
      await store.commit([]);
    });
    expect([...kept.values()]).toEqual([
      { kind: "lease", lease: leaseOf("10.77.0.1", { sequence: 99 }) },
    ]);
  });

  test(`${name}: of a thousand commits at once each is kept, and commits keep their order`, async () => {
    const kept = await reloaded(await place(), async (store) => {
      const commits: Promise<void>[] = [];
      for (let index = 0; index < 1_000; index++) {
        const changes: Change[] = [
          putLease(leaseOf(`10.77.${index >> 8}.${index & 255}`, { sequence: index })),
        ];
        commits.push(
          store.commit([
            ...changes,
            {
              op: "put",
              record: { kind: "meta", meta: { name: "sequence", value: String(index) } },
            },
          ]),
        );
      }
      await Promise.all(commits);
    });
    expect(kept.size).toBe(1_001);
    expect(kept.get("meta sequence")).toEqual({
      kind: "meta",
      meta: { name: "sequence", value: "999" },
    });
  });

  test(`${name}: a value of many pages comes back`, async () => {
    const sticky = "ü".repeat(200_000);
    const kept = await reloaded(await place(), (store) =>
      store.commit([putLease(leaseOf("10.77.0.1", { sticky }))]),
    );
    expect(kept.get(leaseKey(ip("10.77.0.1")))).toEqual({
      kind: "lease",
      lease: leaseOf("10.77.0.1", { sticky }),
    });
  });

  test(`${name}: a commit with one impossible change changes nothing`, async () => {
    const impossible: Change = {
      op: "put",
      record: { kind: "cursor", cursor: { name: "x".repeat(3_000), ip: ip("10.0.0.1") } },
    };
    const kept = await reloaded(await place(), async (store) => {
      await store.commit([putLease(leaseOf("10.77.0.1"))]);
      const mixed = store.commit([
        putLease(leaseOf("10.77.0.2")),
        deleteLease(ip("10.77.0.1")),
        impossible,
      ]);
      await expect(mixed).rejects.toMatchObject({ code: "commit-failed" });
    });
    expect([...kept.keys()]).toEqual([leaseKey(ip("10.77.0.1"))]);
  });

  test(`${name}: what the caller changes after a commit began is not stored`, async () => {
    const changes: Change[] = [putLease(leaseOf("10.77.0.1"))];
    const kept = await reloaded(await place(), async (store) => {
      const commit = store.commit(changes);
      changes.length = 0;
      await commit;
    });
    expect(kept.size).toBe(1);
  });

  test(`${name}: refuses commits once it is closed, and closes twice without harm`, async () => {
    const store = await (await place()).open();
    const waiting = store.commit([putLease(leaseOf("10.77.0.1"))]);
    await store[Symbol.asyncDispose]();
    await waiting;
    await store[Symbol.asyncDispose]();
    await expect(store.commit([putLease(leaseOf("10.77.0.2"))])).rejects.toMatchObject({
      code: "not-ready",
    });
  });
}

function byKey(one: LedgerRecord, other: LedgerRecord): number {
  return recordKey(one) < recordKey(other) ? -1 : 1;
}
