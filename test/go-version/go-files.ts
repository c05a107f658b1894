// The files as the Go version writes them: its keys, its times, and only what it knows.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

export interface GoLease {
  readonly mac: string;
  readonly ip: string;
  /** RFC 3339 with nanoseconds and a zone, as Go's time.Time is marshalled. */
  readonly expiry: string;
}

const HOUR = 3_600_000;
const NAME = "leases.json";

/** Written by a version from before dnsServers, aliasRangeName and the drop keys. */
export const goPool: Readonly<Record<string, unknown>> = {
  platform: "gke",
  nodeName: "gke-node-1",
  subnet: "10.144.7.0/28",
  gateway: "10.144.7.1",
  primaryNIC: "uplink0",
  secondaryNICs: null,
  ips: Array.from({ length: 13 }, (_, index) => `10.144.7.${index + 2}`),
  eniIDs: null,
  subnetID: "",
  updatedAt: "2026-03-04T05:06:07.123456789Z",
};

/** A time in some hours, in a zone of its own. */
export function goTime(hours: number, zone: 0 | 1 = 1): string {
  const local = new Date(Date.now() + hours * HOUR + zone * HOUR).toISOString();
  return local.replace(/\.\d+Z$/, zone === 0 ? ".987654321Z" : ".123456789+01:00");
}

export function writeGoLeases(state: string, leases: readonly GoLease[]): Promise<void> {
  return writeFile(join(state, NAME), JSON.stringify(leases, undefined, 2));
}

const goRows = z.array(
  z.strictObject({
    mac: z.string().regex(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/),
    ip: z.ipv4(),
    expiry: z.iso.datetime({ offset: true }),
  }),
);

/** Reads the file as the Go version would: anything else than its three keys fails. */
export async function readGoLeases(state: string): Promise<readonly GoLease[]> {
  return goRows.parse(JSON.parse(await readFile(join(state, NAME), "utf8")));
}
