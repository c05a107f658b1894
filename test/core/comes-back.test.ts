// A guest that comes back after days, over sweeps and restarts, gets the address that it had, as long as nobody else has it.

import { expect, test } from "vitest";
import { ip } from "#core/address.ts";
import { decideBind, decideGuestRelease, offerAddress } from "#core/guest.ts";
import type { Decision } from "#core/effects.ts";
import { Ledger } from "#core/ledger.ts";
import { DAY } from "#core/time.ts";
import { decideSweep } from "#core/sweep.ts";
import { loadLedger } from "#broker/startup.ts";
import { type MemoryDisk, openMemoryStore } from "#test/fakes/memory-store.ts";
import { START, at, mac, pool } from "./lease-fixtures.ts";

const node = pool("10.9.0.0/28");
const MINE = ip("10.9.0.7");

/** A guest had MINE, and let it go on the first day by RELEASE or by silence; its ledger as a disk keeps it. */
async function dayAfter(end: "release" | "expiry"): Promise<MemoryDisk> {
  const disk: MemoryDisk = new Map();
  const store = openMemoryStore({ disk });
  const ledger = new Ledger();
  const commit = async (decision: Decision<unknown>): Promise<void> => {
    ledger.apply(decision.changes);
    await store.commit(decision.changes);
  };
  const request = { mac: mac(1), ip: MINE, mode: "selecting", seconds: 3_600 } as const;
  await commit(decideBind(ledger, node, request, at(0)));
  if (end === "release")
    await commit(decideGuestRelease(ledger, mac(1), MINE, at(1), "dhcp-release"));
  for (const days of [1, 2]) await commit(decideSweep(ledger, at(days * DAY)));
  expect(ledger.lease(MINE)).toBeUndefined();
  return disk;
}

async function restarted(disk: MemoryDisk): Promise<Ledger> {
  const ledger = new Ledger();
  await loadLedger(openMemoryStore({ disk }), ledger);
  return ledger;
}

const now = START + 20 * DAY;

test.each(["release", "expiry"] as const)("after its %s, days ago", async (end) => {
  const ledger = await restarted(await dayAfter(end));
  // Others come first, and are not given it while there is anything else.
  for (let other = 2; other < 8; other++)
    expect(offerAddress(ledger, node, mac(other), undefined, now)).not.toMatchObject({ ip: MINE });
  expect(offerAddress(ledger, node, mac(1), undefined, now)).toEqual({
    kind: "offer",
    ip: MINE,
    shortened: false,
  });
});

test("if somebody else has it meanwhile, the guest gets another", async () => {
  const ledger = await restarted(await dayAfter("release"));
  const taken = { mac: mac(2), ip: MINE, mode: "selecting", seconds: 3_600 } as const;
  ledger.apply(decideBind(ledger, node, taken, { ...at(0), now }).changes);
  const offer = offerAddress(ledger, node, mac(1), undefined, now);
  expect(offer.kind).toBe("offer");
  expect(offer).not.toMatchObject({ ip: MINE });
});
