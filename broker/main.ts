// The daemon as a process: signals, exit code, and nothing else.

import { toBrokerError } from "#core/errors.ts";
import { type Overrides, startBroker } from "./compose.ts";
import type { Config } from "./config.ts";

/** How long an orderly end may take before the process goes anyway, in milliseconds. */
const STOP_LIMIT = 5_000;
/** How long the parts may take to end when the ledger is lost, in milliseconds. */
const LOST_LIMIT = 1_000;

/** Runs the broker until SIGTERM or SIGINT. Throws a BrokerError when it cannot start or a part of it failed. */
export async function runDaemon(config: Config, overrides: Overrides = {}): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.once("SIGTERM", stop).once("SIGINT", stop);
  try {
    await using broker = await startBroker(config, overrides);
    // An end of its own would wait for the thread that waits for the disk. Everything that counts is on disk already, or lost.
    void broker.lost.then(() => setTimeout(() => process.kill(process.pid, "SIGKILL"), LOST_LIMIT));
    await broker.run(controller.signal);
  } catch (thrown) {
    throw toBrokerError(thrown);
  } finally {
    // Whatever still holds the loop open must not keep a service from stopping.
    setTimeout(() => process.exit(), STOP_LIMIT).unref();
  }
}
