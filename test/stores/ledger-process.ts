// A process that keeps a ledger: commits leases one after the other and prints each when it is acknowledged.
// Arguments: path, durability, number of commits (0: until killed), milliseconds between them.

import { writeSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { openLmdb } from "#broker/stores/lmdb.ts";
import { ipv4FromUint } from "#core/address.ts";
import { putLease } from "#core/record.ts";
import { leaseAt } from "./lease-at.ts";

const [path = "", durability = "", count = "0", between = "0"] = process.argv.slice(2);
const store = await openLmdb({ path, durability: durability === "relaxed" ? "relaxed" : "sync" });
const { records } = await store.load();
const first = records.length;
for (let index = 0; Number(count) === 0 || index < Number(count); index++) {
  writeSync(1, `begin ${first + index}\n`);
  await store.commit([putLease(leaseAt(ipv4FromUint(0x0a00_0000 + first + index)))]);
  writeSync(1, `done ${first + index}\n`);
  if (Number(between) > 0) await pause(Number(between));
}
process.exit(0);
