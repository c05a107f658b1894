// Debian's host-local as a contestant: its configuration, and its reservations written as it writes them itself.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { SUBNET } from "./node.ts";

export const HOST_LOCAL = "/usr/lib/cni/host-local";
const NETWORK = "bench";
/** 10.90.0.2, the first address after the gateway. */
const FIRST_ADDRESS = ((10 * 256 + 90) * 256 + 0) * 256 + 2;

export interface HostLocal {
  readonly conf: string;
  /** Its part of a bridge's configuration. */
  readonly ipam: Readonly<Record<string, unknown>>;
  /** Brings it to so many reservations; `from` are there already. */
  fill(from: number, to: number): Promise<void>;
}

export async function hostLocal(folder: string): Promise<HostLocal> {
  const dataDir = join(folder, "host-local");
  const reservations = join(dataDir, NETWORK);
  await mkdir(reservations, { recursive: true });
  const ipam = { type: "host-local", dataDir, ranges: [[{ subnet: SUBNET }]] };
  return {
    conf: JSON.stringify({ cniVersion: "1.0.0", name: NETWORK, type: "bridge", ipam }),
    ipam,
    async fill(from, to) {
      for (let number = from; number < to; number += 1)
        await writeFile(join(reservations, addressOf(number)), `held-${number}\r\neth0`);
      if (to > 0) await writeFile(join(reservations, "last_reserved_ip.0"), addressOf(to - 1));
    },
  };
}

function addressOf(number: number): string {
  const value = FIRST_ADDRESS + number;
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}
