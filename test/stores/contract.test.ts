// The contract of ledger stores, on memory and on LMDB in both durabilities.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { ledgerStoreContract } from "#test/contract/ledger-store.ts";
import { type MemoryDisk, openMemoryStore } from "#test/fakes/memory-store.ts";

ledgerStoreContract("memory", () => {
  const disk: MemoryDisk = new Map();
  return Promise.resolve({
    open: () => Promise.resolve(openMemoryStore({ disk })),
    remove: () => Promise.resolve(),
  });
});

for (const durability of ["sync", "relaxed"] as const) {
  ledgerStoreContract(`lmdb ${durability}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), "cocoon-ledger-"));
    const path = join(folder, "net", "ledger");
    return {
      open: () => openLmdb({ path, durability }),
      remove: () => rm(folder, { recursive: true, force: true }),
    };
  });
}
