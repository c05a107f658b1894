// A spool without releases.

import type { Spool } from "#broker/stores/spool.ts";

export const emptySpool = (): Spool => ({
  list: async () => [],
  read: async () => undefined,
  remove: async () => undefined,
  setAside: async () => undefined,
  tidy: async () => undefined,
  leftovers: async () => ({ rejected: [], stale: [] }),
  watch: () => ({ [Symbol.dispose]: () => undefined }),
});
