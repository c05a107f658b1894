// The torture run through real processes, in short: plugin, socket, DHCP port, namespaces, kill -9.

import { expect, it } from "vitest";
import { tortureReally } from "./real-run.ts";

const OPERATIONS = 2_000;
const SHARE = 5;
const LIMIT_MS = 180_000;

it(
  `keeps every promise over ${OPERATIONS} operations through real processes`,
  async () => {
    const seed = Number(process.env["TORTURE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    process.stdout.write(`TORTURE_SEED=${seed}\n`);
    const { operations, full, killed } = await tortureReally(OPERATIONS, seed);
    expect((100 * full) / operations).toBeGreaterThanOrEqual(SHARE);
    expect((100 * killed) / operations).toBeGreaterThanOrEqual(SHARE);
  },
  LIMIT_MS,
);
