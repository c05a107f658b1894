// What is written to the journal can be read by the next run; where it is full, init stops before that and teardown does not.

import { describe, expect, test } from "vitest";
import { ipFromNumber } from "#core/address.ts";
import {
  type JournalEntry,
  MAX_ATTEMPTS,
  MAX_ENTRIES,
  type Provisioning,
  REMOVAL_ROOM,
  heldText,
  provisioningOf,
  withEntry,
  withProvisioning,
} from "#provision/journal.ts";
import { type PoolFile, formatPoolFile, parsePoolFile } from "#provision/pool-file.ts";
import { runSaga } from "#provision/saga.ts";

const gateway = ipFromNumber(4, 0x0a_00_00_01n);
const pool: PoolFile = {
  platform: "volcengine",
  nodeName: "node-1",
  subnet: "10.0.0.0/24",
  gateway,
  primaryNIC: "",
  secondaryNICs: [],
  ips: [],
  eniIDs: [],
  subnetID: "",
  aliasRangeName: "",
  dnsServers: [],
  dropInternalAccess: false,
  dropCIDRs: [],
  updatedAt: "",
  manageIptables: undefined,
  extra: {},
};
const entryOf = (step: string, change: Partial<JournalEntry> = {}): JournalEntry => ({
  step,
  token: "t",
  attempt: 1,
  state: "done",
  at: "2026-01-02T03:04:05.000Z",
  notes: {},
  ...change,
});
const journal = (change: Partial<Provisioning> = {}): Provisioning => ({
  version: 1,
  state: "provisioning",
  generation: "g",
  node: { instance: "i-1" },
  vpcCIDRs: [],
  attachments: [],
  degraded: [],
  entries: [],
  ...change,
});
const filled = (length: number, state: Provisioning["state"]): Provisioning =>
  journal({ state, entries: Array.from({ length }, (_, index) => entryOf(`link/${index}`)) });
const readBack = (provisioning: Provisioning) =>
  provisioningOf(parsePoolFile(formatPoolFile(withProvisioning(pool, provisioning)), "pool.json"));

describe.each([
  ["provisioning", MAX_ENTRIES - REMOVAL_ROOM],
  ["degraded", MAX_ENTRIES - REMOVAL_ROOM],
  ["removing", MAX_ENTRIES],
] as const)("a journal in state %s", (state, room) => {
  test(`takes ${room} steps, each of which can change, and no other one`, () => {
    const almost = filled(room - 1, state);
    const whole = withEntry(almost, entryOf("last"));
    expect(readBack(whole)?.entries).toHaveLength(room);
    expect(readBack(withEntry(whole, entryOf("last", { attempt: 2 })))?.entries).toHaveLength(room);
    expect(() => withEntry(whole, entryOf("one more"))).toThrow(
      expect.objectContaining({
        code: "invalid-config",
        hint: expect.stringContaining("cocoon-net teardown"),
      }),
    );
  });
});

test("a step is tried so often and no more, and the last try can be read", () => {
  const last = withEntry(journal(), entryOf("make/1", { attempt: MAX_ATTEMPTS }));
  expect(readBack(last)?.entries[0]?.attempt).toBe(MAX_ATTEMPTS);
  expect(() => withEntry(last, entryOf("make/1", { attempt: MAX_ATTEMPTS + 1 }))).toThrow("make/1");
});

test("a run stops before it calls the cloud for a step that the journal cannot hold", async () => {
  const calls: string[] = [];
  const saved: Provisioning[] = [];
  const current = filled(MAX_ENTRIES - REMOVAL_ROOM, "degraded");
  const step = { id: "create-eni/1", action: "make", target: "x", detail: "" } as const;
  const run = runSaga({
    steps: [{ ...step, changes: ["Create"], reads: [] }],
    access: {
      perform: async ({ id }) => {
        calls.push(id);
        return { kind: "done", notes: {} };
      },
    },
    journal: { current, save: async (next) => void saved.push(next) },
    report: { began: () => {}, waiting: () => {}, ended: () => {} },
    now: () => 0,
    signal: new AbortController().signal,
  });
  await expect(run).rejects.toMatchObject({ code: "invalid-config" });
  expect([calls, saved]).toEqual([[], []]);
});

test.each([
  ["a note", journal({ entries: [entryOf("a", { notes: { words: "w".repeat(1_025) } })] })],
  ["what the cloud says of the node", journal({ node: { instance: "i".repeat(1_025) } })],
  ["a reason", journal({ degraded: ["w".repeat(1_025)] })],
])("%s that is too long to be read again is not written", (_what, provisioning) => {
  expect(() => withProvisioning(pool, provisioning)).toThrow("could not be read again");
});

test("reasons are cut to what can be held", () => {
  const reason = heldText("w".repeat(5_000));
  expect(readBack(journal({ degraded: [reason, heldText("short")] }))?.degraded).toEqual([
    reason,
    "short",
  ]);
  expect(reason).toMatch(/^w+…$/);
});
