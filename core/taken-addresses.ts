// Which addresses of both families are taken, kept in step with what the ledger holds.

import { type Family, type Ip, ipFamily, ipToNumber, ipv4ToUint } from "./address.ts";
import { alignedBlocks } from "./aligned-blocks.ts";
import { Blocks } from "./blocks.ts";
import { BrokerError } from "./errors.ts";
import { formatPrefix } from "./prefix.ts";
import { type Change, ipOfChange } from "./record.ts";

export class TakenAddresses {
  readonly #blocks: Readonly<Record<Family, Blocks>> = { 4: new Blocks(4), 6: new Blocks(6) };

  of(family: Family): Blocks {
    return this.#blocks[family];
  }

  /** Makes sure of memory for so many calls of {@link set} in the address's family; throws a RangeError where it lacks. */
  reserve(ip: Ip, operations: number): void {
    this.#blocks[ipFamily(ip)].reserve(operations);
  }

  /** {@link reserve} for changes of the ledger, each of which takes or releases one address at most. */
  reserveFor(changes: readonly Change[]): void {
    const operations: Record<Family, number> = { 4: 0, 6: 0 };
    for (const change of changes) {
      const ip = ipOfChange(change);
      if (ip !== undefined) operations[ipFamily(ip)]++;
    }
    for (const family of [4, 6] as const) this.#blocks[family].reserve(operations[family]);
  }

  set(ip: Ip, taken: boolean): void {
    const blocks = this.#blocks[ipFamily(ip)];
    const value = ipToNumber(ip);
    if (taken) blocks.takeAddress(value);
    else blocks.releaseAddress(value);
  }

  /** Takes addresses that are all different and none of them taken; those of IPv4 block by block. */
  takeAll(ips: readonly Ip[]): void {
    const values = new Uint32Array(ips.length);
    let count = 0;
    for (const ip of ips) {
      if (ipFamily(ip) === 4) values[count++] = ipv4ToUint(ip);
      else this.set(ip, true);
    }
    for (const block of alignedBlocks(values.subarray(0, count).sort()))
      if (!this.#blocks[4].take(block))
        throw new BrokerError("internal", `${formatPrefix(block)} holds an address that is taken`, {
          hint: "keep a copy of the ledger's folder and report this",
        });
  }
}
