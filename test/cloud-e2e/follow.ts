// Makes the machine follow its cloud: what the fake tells of changes becomes links, neighbours and routes in namespaces.
import type { FakeCloud } from "./fake-cloud.ts";

export type Follower = AsyncDisposable & {
  /** Throws what following has thrown. */
  check(): void;
};

/** Calls `apply` with each change, one after the other, until it is disposed. */
export function follow(
  cloud: Pick<FakeCloud, "changes">,
  apply: (change: unknown) => Promise<void>,
): Follower {
  let stopped = false;
  let failure: Error | undefined;
  const run = async (): Promise<void> => {
    let seen = 0;
    while (!stopped) {
      for (const { number, change } of await cloud.changes(seen)) {
        seen = number;
        if (!stopped) await apply(change);
      }
    }
  };
  const running = run().catch((thrown: unknown) => {
    // The fake goes before its follower when a test ends.
    if (!stopped) failure = thrown instanceof Error ? thrown : new Error(String(thrown));
  });
  return {
    check() {
      if (failure !== undefined) throw failure;
    },
    async [Symbol.asyncDispose]() {
      stopped = true;
      await running;
    },
  };
}
