// What a structure holds on the heap: built between two collections, and alive until the second.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ip, ipToNumber } from "#core/address.ts";
import { Blocks } from "#core/blocks.ts";
import { Ledger } from "#core/ledger.ts";
import type { LedgerRecord } from "#core/record.ts";
import { containerLease, guestLease } from "./sample-leases.ts";

/** Some copies at once, so that a small one is more than what else the process allocates meanwhile. */
const SMALLEST_MEASURED = 2 ** 20;

/** Bytes for each address of a pool of which every other one is taken. */
export function bytesOfState(bits: number): number {
  const copies = Math.max(1, SMALLEST_MEASURED / 2 ** bits);
  const grown = grownBy(() =>
    Array.from({ length: copies }, () => {
      const taken = new Blocks(4);
      const first = ipToNumber(ip("10.0.0.0"));
      for (let offset = 0; offset < 2 ** bits; offset += 2)
        taken.takeAddress(first + BigInt(offset));
      return taken;
    }),
  );
  return grown / copies / 2 ** bits;
}

/** Bytes that the ledger adds to each lease's record. */
export function bytesOfIndexes(kind: "containers" | "guests", leases: number): number {
  const records = Array.from({ length: leases }, (_, number): LedgerRecord => ({
    kind: "lease",
    lease: kind === "containers" ? containerLease(number) : guestLease(number),
  }));
  return (
    grownBy(() => {
      const ledger = new Ledger();
      ledger.fill(records);
      return ledger;
    }) / leases
  );
}

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");

function grownBy(build: () => object): number {
  const before = heap();
  const built = build();
  const after = heap();
  kept.add(built);
  return Math.max(0, after - before);
}

/** Holds what was built until after the second collection, and not longer than that. */
const kept = new WeakSet<object>();

function heap(): number {
  // Buffers that the first finds dead are given back beside it and no longer counted from the second on.
  collect();
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
