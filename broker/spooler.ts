// Task: makes spooled releases durable and removes their files; once at start before anything is served, then as they come.

import { toBrokerError } from "#core/errors.ts";
import { type Effects } from "./effects.ts";
import { type Task, pause } from "./task.ts";

/** A look without any notification, in milliseconds: the folder may have been made anew. */
const PERIOD = 10_000;
/** How often a file that cannot be read is tried before it is set aside: once in each period. */
export const READ_ATTEMPTS = 6;
/** Between two looks for leftovers, in milliseconds. */
const TIDY_PERIOD = 3_600_000;

/** The folder of spooled calls; `broker/stores/spool.ts` implements it. */
export interface SpoolFolder {
  list(): Promise<readonly string[]>;
  /** Rejects with `invalid-request` when the file can be no release. */
  read(name: string): Promise<string | undefined>;
  remove(name: string): Promise<void>;
  setAside(name: string): Promise<void>;
  tidy(): Promise<void>;
  watch(changed: () => void): Disposable;
}

export interface SpoolerOptions {
  /** Between two looks, in milliseconds; {@link PERIOD} when absent. */
  readonly period?: number;
  readonly spool: SpoolFolder;
  readonly effects: Effects;
  /** Makes one release durable; answers false when the body is no release. Rejects when it should be tried again. */
  readonly release: (body: unknown) => Promise<boolean>;
  readonly depth: (files: number) => void;
  readonly trouble: (what: string, error: Error) => void;
}

export interface Spooler extends Task {
  /** Works through what lies in the folder; answers how many releases were made. */
  drain(): Promise<number>;
}

export function createSpooler(options: SpoolerOptions): Spooler {
  const { spool, depth, trouble, period = PERIOD } = options;
  /** In how many periods each file that is still there could not be read, and when it was tried last. */
  let unread = new Map<string, { readonly periods: number; readonly at: number }>();
  let tidyDue = 0;

  /** One look shows a part of a full folder: the next one follows while there is progress. */
  async function drain(): Promise<number> {
    let released = 0;
    for (;;) {
      const names = await spool.list();
      depth(names.length);
      const made = await work(names);
      released += made.released;
      if (made.released + made.setAside === 0) break;
    }
    if (performance.now() >= tidyDue) {
      tidyDue = performance.now() + TIDY_PERIOD;
      await spool.tidy();
    }
    return released;
  }

  async function work(names: readonly string[]) {
    const made = { released: 0, setAside: 0 };
    const listed = new Set(names);
    unread = new Map([...unread].filter(([name]) => listed.has(name)));
    for (const name of names) {
      try {
        const text = await read(name);
        if (text !== undefined && (await one(options, name, text))) made.released++;
      } catch (thrown) {
        if (thrown instanceof SetAside) made.setAside++;
        trouble(`spooled release ${name}`, asError(thrown));
      }
    }
    if (made.setAside > 0) tidyDue = 0;
    return made;
  }

  /** A file that can be no release, or that could not be read again and again, is set aside: it must not hold up others. */
  async function read(name: string): Promise<string | undefined> {
    try {
      return await spool.read(name);
    } catch (thrown) {
      const hopeless = toBrokerError(thrown).code === "invalid-request";
      if (!hopeless && periodsUnread(name) < READ_ATTEMPTS) throw thrown;
      await spool.setAside(name);
      throw new SetAside(toBrokerError(thrown).message);
    }
  }

  /** Once in a period, so that a burst of looks does not use up the attempts. */
  function periodsUnread(name: string): number {
    const now = performance.now();
    const before = unread.get(name);
    if (before !== undefined && now - before.at < period) return before.periods;
    const periods = (before?.periods ?? 0) + 1;
    unread.set(name, { periods, at: now });
    return periods;
  }

  return {
    name: "spooler",
    drain,
    async run(signal) {
      let wake: () => void = () => undefined;
      while (!signal.aborted) {
        const early = new AbortController();
        wake = () => early.abort();
        using _watch = watching(spool, () => wake(), trouble);
        await drain().catch((thrown: unknown) => trouble("spool", asError(thrown)));
        await pause(period, AbortSignal.any([signal, early.signal]));
      }
    },
  };
}

async function one(
  { spool, effects, release }: SpoolerOptions,
  name: string,
  text: string,
): Promise<boolean> {
  const body = parse(text);
  if (body === undefined || !(await release(body))) {
    await spool.setAside(name);
    throw new SetAside("not a release");
  }
  await effects.unspool(["DEL"], () => spool.remove(name));
  return true;
}

/** The file is out of the way; whatever it was to release is found by its evidence. */
class SetAside extends Error {
  constructor(why: string) {
    super(`${why}; set aside under .rejected`);
  }
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function watching(
  spool: SpoolFolder,
  changed: () => void,
  trouble: SpoolerOptions["trouble"],
): Disposable {
  try {
    return spool.watch(changed);
  } catch (thrown) {
    trouble("spool", asError(thrown));
    return { [Symbol.dispose]: () => undefined };
  }
}
