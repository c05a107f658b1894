// Task: makes spooled releases durable and removes their files; once at start before anything is served, then as they come.

import { type Effects } from "./effects.ts";
import { type Task, pause } from "./task.ts";

/** A look without any notification, in milliseconds: the folder may have been made anew. */
const PERIOD = 10_000;

/** The folder of spooled calls; `broker/stores/spool.ts` implements it. */
export interface SpoolFolder {
  list(): Promise<readonly string[]>;
  read(name: string): Promise<string | undefined>;
  remove(name: string): Promise<void>;
  setAside(name: string): Promise<void>;
  watch(changed: () => void): Disposable;
}

export interface SpoolerOptions {
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
  const { spool, depth, trouble } = options;

  /** One look shows a part of a full folder: the next one follows while there is progress. */
  async function drain(): Promise<number> {
    let released = 0;
    for (;;) {
      const names = await spool.list();
      depth(names.length);
      const now = names.length === 0 ? 0 : await work(names);
      if (now === 0) return released;
      released += now;
    }
  }

  async function work(names: readonly string[]): Promise<number> {
    let released = 0;
    for (const name of names) {
      try {
        if (await one(options, name)) released++;
      } catch (thrown) {
        trouble(
          `spooled release ${name}`,
          thrown instanceof Error ? thrown : new Error(String(thrown)),
        );
      }
    }
    return released;
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
        await drain().catch((thrown: unknown) =>
          trouble("spool", thrown instanceof Error ? thrown : new Error(String(thrown))),
        );
        await pause(PERIOD, AbortSignal.any([signal, early.signal]));
      }
    },
  };
}

async function one({ spool, effects, release }: SpoolerOptions, name: string): Promise<boolean> {
  const text = await spool.read(name);
  if (text === undefined) return false;
  const body = parse(text);
  if (body === undefined || !(await release(body))) {
    await spool.setAside(name);
    throw new Error("not a release; set aside under .rejected");
  }
  await effects.unspool(["DEL"], () => spool.remove(name));
  return true;
}

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
    trouble("spool", thrown instanceof Error ? thrown : new Error(String(thrown)));
    return { [Symbol.dispose]: () => undefined };
  }
}
