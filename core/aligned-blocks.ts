// Many IPv4 addresses as few blocks: those that stand side by side in a full pool are taken together when a ledger is filled.

import { familyBits } from "./address.ts";
import type { Prefix } from "./prefix.ts";

/** The fewest aligned blocks that hold exactly these addresses, which are in ascending order and all different. */
export function* alignedBlocks(addresses: Uint32Array): Generator<Prefix, void> {
  for (let at = 0; at < addresses.length;) {
    const bits = blockAt(addresses, at);
    yield { family: 4, base: BigInt(addresses[at] ?? 0), length: familyBits(4) - bits };
    at += 2 ** bits;
  }
}

/** Binary logarithm of the size of the largest block that begins at this place. */
function blockAt(addresses: Uint32Array, at: number): number {
  const first = addresses[at] ?? 0;
  for (let bits = 0; ; bits++) {
    const size = 2 ** (bits + 1);
    // No two are equal, so that the last of a row tells that all before it are there.
    if (first % size !== 0 || addresses[at + size - 1] !== first + size - 1) return bits;
  }
}
