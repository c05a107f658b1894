// A ledger that can take no more commits ends the broker; until the process is gone it serves nobody.

import { expect, test, vi } from "vitest";
import { BrokerError } from "#core/errors.ts";
import { createLedgerWatch } from "#broker/ledger-watch.ts";
import { Standing } from "#broker/standing.ts";
import { pause, runTasks } from "#broker/task.ts";

function watched(lost: Promise<BrokerError>) {
  const standing = new Standing();
  standing.notServing = undefined;
  standing.announced = true;
  const error = vi.fn();
  const task = createLedgerWatch({ store: { lost }, standing, log: { error } });
  const other = { name: "other", run: (signal: AbortSignal) => pause(600_000, signal) };
  const stop = new AbortController();
  return { standing, error, stop, done: runTasks([other, task], stop.signal) };
}

test("a lost ledger stops all parts with an error, and neither STATUS nor readiness says yes", async () => {
  const gone = new BrokerError("commit-failed", "the disk did not answer within 30 s");
  const { standing, error, done } = watched(Promise.resolve(gone));
  await expect(done).rejects.toThrow("the disk did not answer");
  expect(standing.notServing).toMatch(/ledger/);
  expect(standing.notReady).toMatch(/ledger/);
  expect(error).toHaveBeenCalledOnce();
});

test("a broker that is stopped ends without one", async () => {
  const { standing, error, stop, done } = watched(new Promise(() => undefined));
  stop.abort();
  await done;
  expect(standing.notServing).toBeUndefined();
  expect(error).not.toHaveBeenCalled();
});
