// Makes a plan's steps in order: intent to the journal, call, result to the journal. A later run goes on from there.

import { BrokerError } from "#core/errors.ts";
import type { CloudAccess, CloudStep, Run } from "./cloud.ts";
import { type JournalEntry, type Provisioning, entryOf, withEntry } from "./journal.ts";
import { clientToken } from "./token.ts";

/** Requests of one step in one run that differ from each other; a cloud that wants more is not going to be satisfied. */
const MAX_RENEWALS = 16;

/** Where the journal is kept: `save` resolves when it is durable. */
export interface JournalKeeper {
  readonly current: Provisioning;
  save(next: Provisioning): Promise<void>;
}

/** What a person sees. */
export interface SagaReport {
  began(step: CloudStep, number: number, total: number): void;
  waiting(step: CloudStep, text: string): void;
  ended(
    step: CloudStep,
    milliseconds: number,
    outcome: "done" | "short" | "skipped",
    reason: string,
  ): void;
}

export interface SagaInput {
  readonly steps: readonly CloudStep[];
  readonly access: Pick<CloudAccess<unknown>, "perform">;
  readonly journal: JournalKeeper;
  readonly report: SagaReport;
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Why units were left out; empty when every step was made. Throws what a step threw, the journal being up to date. */
export async function runSaga(input: SagaInput): Promise<readonly string[]> {
  const short: string[] = [];
  const steps = input.steps.filter(({ action }) => action !== "keep");
  for (const [index, step] of steps.entries()) {
    input.signal.throwIfAborted();
    input.report.began(step, index + 1, steps.length);
    const began = input.now();
    if (short.length > 0 && step.unit !== undefined) {
      input.report.ended(step, 0, "skipped", "a limit was reached before");
      continue;
    }
    const reason = await runStep(step, input);
    if (reason !== undefined) short.push(`${step.target}: ${reason}`);
    input.report.ended(
      step,
      input.now() - began,
      reason === undefined ? "done" : "short",
      reason ?? "",
    );
  }
  return short;
}

async function runStep(step: CloudStep, input: SagaInput): Promise<string | undefined> {
  const { journal } = input;
  const before = entryOf(journal.current, step.id);
  // A run that ended in the middle may have been served: what this one is told does not change that.
  const doubt = before?.state === "intended" && before.refused !== true;
  let entry = intentOf(step, input);
  let renewals = 0;
  const keep = async (next: JournalEntry) => {
    entry = next;
    await journal.save(withEntry(journal.current, next));
  };
  // A check changes nothing, so that there is nothing to find out about it later.
  if (step.action !== "check") await keep(entry);
  const run: Run = {
    get token() {
      return entry.token;
    },
    before: entry.notes,
    result: (id) => {
      const found = entryOf(journal.current, id);
      return found?.state === "done" ? found.notes : undefined;
    },
    note: (notes) => keep({ ...entry, notes: { ...entry.notes, ...notes } }),
    renewToken: async () => {
      const attempt = entry.attempt + 1;
      renewals++;
      if (renewals > MAX_RENEWALS) throw tooMany(step);
      await keep({
        ...entry,
        attempt,
        token: clientToken(journal.current.generation, step.id, attempt),
      });
      return entry.token;
    },
    refused: async () => {
      if (!doubt) await keep({ ...entry, refused: true });
    },
    progress: (text) => input.report.waiting(step, text),
    signal: input.signal,
  };
  const outcome = await input.access.perform(step, run);
  if (outcome.kind === "short") return `${outcome.reason}; ${outcome.hint}`;
  if (step.action !== "check")
    await keep({
      ...entry,
      state: "done",
      refused: undefined,
      at: moment(input),
      notes: { ...entry.notes, ...outcome.notes },
    });
  return undefined;
}

/** A step that was intended before keeps its token; one that was done and is wanted again is a new attempt. */
function intentOf(step: CloudStep, input: SagaInput): JournalEntry {
  const { journal } = input;
  const before = entryOf(journal.current, step.id);
  const at = moment(input);
  // The moment is that of the last try: how long ago it was tells whether the cloud may not show it yet.
  if (before?.state === "intended") return { ...before, refused: undefined, at };
  const attempt = (before?.attempt ?? 0) + 1;
  return {
    step: step.id,
    attempt,
    token: clientToken(journal.current.generation, step.id, attempt),
    state: "intended",
    at,
    notes: {},
  };
}

const moment = ({ now }: SagaInput): string => new Date(now()).toISOString();

const tooMany = (step: CloudStep): BrokerError =>
  new BrokerError(
    "cloud-unavailable",
    `${step.action} ${step.target}: the cloud asked for another request ${MAX_RENEWALS} times`,
    { hint: "see who else changes this node in the cloud, then run the command again" },
  );
