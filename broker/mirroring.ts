// Task: keeps leases.json in step with the ledger, a little later and never in front of it.

import type { Verb } from "#core/effects.ts";
import { unchanged } from "#core/effects.ts";
import { mirrorSteps } from "#core/mirror.ts";
import type { Mirror } from "#core/ports.ts";
import type { Change } from "#core/record.ts";
import { inTurns } from "#core/turns.ts";
import type { Effects } from "./effects.ts";
import type { Leasing } from "./leasing.ts";
import { type Task, pause } from "./task.ts";

/** Changes within this time share one rewrite, in milliseconds. */
const DEBOUNCE = 1_000;
/** A rewrite may take at most one part in this many of the time: large pools are mirrored more rarely. */
const SHARE = 30;
/** After a write that failed, in milliseconds. */
const RETRY = 10_000;

/** What the ledger knows of the mirror: the digests the file may have, and when it was last known to be up to date. */
export interface MirrorMemory {
  readonly digests: readonly string[];
  readonly writtenAt: number;
}

export interface Mirroring extends Task {
  /** Something changed; the file is rewritten soon. */
  touch(verbs: readonly Verb[]): void;
  /** Somebody else changed the file: it is read before the next rewrite, which is due soon. */
  renew(): void;
  /** Brings the file up to date now; also the last thing before the broker ends. */
  flush(): Promise<void>;
}

export interface MirroringOptions {
  readonly leasing: Leasing;
  readonly effects: Effects;
  readonly mirror: Mirror;
  readonly trouble: (what: string, error: Error) => void;
}

export function readMemory(text: string | undefined): MirrorMemory {
  if (text === undefined) return { digests: [], writtenAt: 0 };
  const [writtenAt, ...digests] = text.split(" ");
  return { digests, writtenAt: Number(writtenAt) };
}

/** The change by which the ledger remembers this of the mirror. */
export const rememberMirror = ({ digests, writtenAt }: MirrorMemory): Change => ({
  op: "put",
  record: { kind: "meta", meta: { name: "mirror", value: [writtenAt, ...digests].join(" ") } },
});

/** Guests and containers are answered between two steps. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function createMirroring({
  leasing,
  effects,
  mirror,
  trouble,
}: MirroringOptions): Mirroring {
  let dirty: Verb[] = [];
  let wake: () => void = () => undefined;
  /** What the file holds; unknown after a start and while a write is on its way. */
  let standing: MirrorMemory | undefined;

  /**
   * The digest is durable before the file changes, together with the one the file has now: whichever of the two a crash
   * leaves behind is known as ours and not taken for a change by the Go version. The older file's time counts until the
   * newer one stands.
   */
  async function flush(): Promise<void> {
    if (dirty.length === 0) return;
    const cause = [...new Set(dirty)];
    dirty = [];
    try {
      const before = standing ?? (await look());
      standing = undefined;
      const { now } = leasing.moment();
      // The leases of this moment: none of them changes, however long their rows take.
      const leases = [...leasing.ledger.leases()];
      const entries = await inTurns(mirrorSteps(leases), nextTurn);
      const digest = await mirror.digest(entries);
      if (before.digests.length === 1 && before.digests[0] === digest) {
        // The file says it already, as after most restarts: 65,536 rows are not written for nothing.
        standing = { digests: [digest], writtenAt: now };
        await remember(standing);
        return;
      }
      await remember({ digests: [...before.digests, digest], writtenAt: before.writtenAt });
      await effects.mirror(cause, entries);
      standing = { digests: [digest], writtenAt: now };
      await remember(standing);
    } catch (thrown) {
      dirty.push(...cause);
      throw thrown;
    }
  }

  /** A write that failed may have changed the file or not: it is asked itself, so that no digest is lost or piled up. */
  async function look(): Promise<MirrorMemory> {
    const found = await mirror.read();
    const { writtenAt } = readMemory(leasing.ledger.meta("mirror"));
    return { digests: found === undefined ? [] : [found.digest], writtenAt };
  }

  const remember = (memory: MirrorMemory): Promise<void> =>
    leasing.submit("SWEEP", () => ({ ...unchanged(undefined), changes: [rememberMirror(memory)] }));

  function touch(verbs: readonly Verb[]): void {
    for (const verb of verbs) if (!dirty.includes(verb)) dirty.push(verb);
    wake();
  }

  return {
    name: "mirroring",
    touch,
    renew() {
      standing = undefined;
      touch(["SWEEP"]);
    },
    flush,
    async run(signal) {
      signal.addEventListener("abort", () => wake(), { once: true });
      let lasted = 0;
      while (!signal.aborted) {
        if (dirty.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        await pause(Math.max(DEBOUNCE, lasted * SHARE), signal);
        if (signal.aborted) break;
        try {
          const begun = performance.now();
          await flush();
          lasted = performance.now() - begun;
        } catch (thrown) {
          trouble("mirror", thrown instanceof Error ? thrown : new Error(String(thrown)));
          await pause(RETRY, signal);
        }
      }
    },
  };
}
