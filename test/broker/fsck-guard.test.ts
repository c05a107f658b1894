// fsck mends what it judged and nothing that came in its place while it looked.

import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { decideDetach } from "#core/detach.ts";
import { PROVISIONAL_GRACE } from "#core/limits.ts";
import { createFsck } from "#broker/fsck.ts";
import { createParts } from "#broker/parts.ts";
import { createTelemetry } from "#broker/telemetry.ts";
import { BOOT, START, add, at, container, pool, stamp } from "#test/core/lease-fixtures.ts";
import { emptySpool } from "#test/fakes/empty-spool.ts";
import { openMemoryStore } from "#test/fakes/memory-store.ts";
import { fakeRouteTable } from "#test/fakes/route-table.ts";

/** One address, held for a container that is gone; `meanwhile` runs at the end of the look that condemns it. */
function condemned(meanwhile: (node: ReturnType<typeof createParts>) => void) {
  const routes = fakeRouteTable();
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const mirror = { read: async () => undefined, digest: () => "", write: async () => "" };
  const spool = emptySpool();
  const parts = createParts({
    store: openMemoryStore(),
    routes,
    mirror,
    spool,
    clock: { now: () => START + PROVISIONAL_GRACE, boottime: () => 0 },
    bootId: BOOT,
    pool: only,
    telemetry: createTelemetry({ level: "error", now: () => START, destination: nowhere }),
    readText: async () => "",
    serving: () => true,
    decorate: undefined,
  });
  add(parts.ledger, container("gone"), { pool: only });
  let looks = 0;
  const fsck = createFsck({
    ...parts,
    routes,
    mirror,
    spool,
    pool: only,
    leaseFile: "leases.json",
    poolFile: async () => [],
    evidence: {
      attachment: async ({ netns }) => (netns === "/run/netns/x" ? "absent" : "present"),
      scan: async () => [],
    },
    inspection: {
      neighbours: async () => [],
      async inside() {
        if (++looks === 2) meanwhile(parts);
        return [];
      },
    },
  });
  return { fsck, parts };
}
const only = pool("10.9.0.0/30");
const LEASE = { ip: "10.9.0.2", state: "leased" };

test("a condemned lease is released", async () => {
  const { fsck, parts } = condemned(() => undefined);
  await fsck(true);
  expect([...parts.ledger.leases()]).toMatchObject([{ ...LEASE, state: "cooling" }]);
});

test("the next holder of the address is not, nor a container that came back", async () => {
  const attachment = { netns: "/run/netns/new", stamp: stamp(9_000) };
  for (const id of ["next", "gone"]) {
    const { fsck, parts } = condemned(({ ledger }) => {
      const left = { ...container("gone"), stamp: stamp(8_000) };
      if (id === "next") ledger.apply(decideDetach(ledger, left, at(0)).changes);
      add(ledger, container(id), { pool: only, attachment });
    });
    await fsck(true);
    expect([...parts.ledger.leases()]).toMatchObject([{ ...LEASE, owner: { containerId: id } }]);
  }
});
