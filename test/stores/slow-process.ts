// A process whose ledger gives its disk half a second for a commit: prints how two commits end, and what the store says of itself.
// Argument: path.

import { openLmdb } from "#broker/stores/lmdb.ts";
import { toBrokerError } from "#core/errors.ts";
import { ip } from "#core/address.ts";
import { putLease } from "#core/record.ts";
import { leaseAt } from "./lease-at.ts";

const [path = ""] = process.argv.slice(2);
const store = await openLmdb({ path, durability: "sync", commitLimit: 500 });
await store.load();
const commit = (address: string): Promise<string> =>
  store.commit([putLease(leaseAt(ip(address)))]).then(
    () => "made",
    (thrown: unknown) => toBrokerError(thrown).message,
  );
const first = await commit("10.0.0.1");
const { code } = await store.lost;
console.log(JSON.stringify({ first, code, second: await commit("10.0.0.2") }));
process.exit(0);
