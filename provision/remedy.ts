// The next step when the cloud is otherwise than pool.json says: init mends what init made, an adopted node is its maker's.

import { provisioningOf } from "./journal.ts";
import type { PoolFile } from "./pool-file.ts";

/** Throws `invalid-config` for a journal that cannot be read. */
export const isAdopted = (pool: PoolFile): boolean => provisioningOf(pool)?.state === "adopted";

export const remedyOf = (pool: PoolFile): string =>
  isAdopted(pool)
    ? "put it right by hand, then check with cocoon-net adopt --verify"
    : "run cocoon-net init again";
