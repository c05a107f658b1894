// The torture run with containerd, in short: pods of the real runtime, kill -9 of it and of the broker, a reboot.

import { expect, it } from "vitest";
import { tortureContainerd } from "./containerd-run.ts";

/** One set of rounds, each kind of kill once in it, is begun and brought to its end. */
const OPERATIONS = 1;
const LIMIT_MS = 900_000;

it(
  "keeps every promise while containerd, shims, pods and broker are killed",
  async () => {
    const seed = Number(process.env["TORTURE_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
    process.stdout.write(`TORTURE_SEED=${seed}\n`);
    const { graces, byKillPoint, operations } = await tortureContainerd(OPERATIONS, seed);
    expect(operations).toBeGreaterThanOrEqual(OPERATIONS);
    expect(Object.keys(byKillPoint)).toHaveLength(4);
    expect(graces).toBe(1);
  },
  LIMIT_MS,
);
