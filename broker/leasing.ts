// The one writer: every change of the ledger passes here, in groups, in the order decide, persist, route, reply.

import type { Moment } from "#core/attach.ts";
import type { Decision, Verb } from "#core/effects.ts";
import { BrokerError } from "#core/errors.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Ledger } from "#core/ledger.ts";
import type { Clock } from "#core/ports.ts";
import type { Change } from "#core/record.ts";
import { decideUndo } from "#core/undo.ts";
import { lastOfEachKey } from "./coalesce.ts";
import type { Cause, Effects } from "./effects.ts";
import { type Decided, type Refused, type Waiting, Routing, asError, causeOf } from "./routing.ts";

/** Commands that may wait; one more is refused, so that a flood ends in refusals and not in memory. */
const MAX_WAITING = 8_192;
/** Commands that share one commit: bounds the burst of replies behind it. */
const MAX_GROUP = 256;
/** Those of them that nobody waits for, where many wait that somebody does wait for: half, since each ADD brings one. */
const MAX_PATIENT = 128;
/** A group that takes longer than this is stuck: systemd is no longer told that the broker is alive. Milliseconds. */
const STUCK_AFTER = 40_000;
/** How long a command that nobody waits for looks for others to share a commit with. Milliseconds. */
const PATIENCE = 25;

type Decide<Outcome> = (ledger: Ledger, moment: Moment) => Decision<Outcome>;

interface Undecided extends Waiting {
  readonly decide: Decide<unknown>;
}

export interface LeasingOptions {
  readonly ledger: Ledger;
  readonly effects: Effects;
  readonly clock: Clock;
  readonly bootId: string;
  readonly emit: (event: BusinessEvent) => void;
  /** Told of every group that was made durable, and how long its commit took, in milliseconds. */
  readonly committed: (cause: Cause, changes: readonly Change[], milliseconds: number) => void;
  /** Told when a route could not be removed or a commit failed: things that repair themselves but must be seen. */
  readonly trouble: (what: string, error: Error) => void;
}

export class Leasing {
  readonly ledger: Ledger;
  readonly #options: LeasingOptions;
  readonly #routing: Routing;
  #queue: Undecided[] = [];
  /** Commands that join the next group, behind its others. */
  #patient: Undecided[] = [];
  #patience: NodeJS.Timeout | undefined;
  /** Commands that could not be undone because the commit failed: the next group does it, whatever it is for. */
  #owed: Refused[] = [];
  #running = false;
  #storedSequence: number;
  #groupBegun: number | undefined;

  constructor(options: LeasingOptions) {
    this.ledger = options.ledger;
    this.#options = options;
    this.#routing = new Routing({ ...options, failed: () => this.#wake() });
    this.#storedSequence = Number(options.ledger.meta("sequence") ?? 0);
  }

  /** False while one group has been on its way for longer than a disk or kernel should take. */
  healthy(): boolean {
    const begun = this.#routing.oldest ?? this.#groupBegun;
    return begun === undefined || performance.now() - begun < STUCK_AFTER;
  }

  moment(): Moment {
    return { now: this.#options.clock.now(), bootId: this.#options.bootId };
  }

  /**
   * Queues a decision. Resolves with its outcome once its changes are durable and its routes stand.
   * Rejects with `overloaded`, `commit-failed` (nothing was changed) or `route-failed` (the change is undone).
   */
  submit<Outcome>(verb: Verb, decide: Decide<Outcome>): Promise<Outcome> {
    return this.#enqueue(this.#queue, verb, decide, () => this.#wake());
  }

  /**
   * {@link submit} for a command that nobody waits for: it has no commit of its own while others come within 25 ms, and
   * stands behind those in whose group it is.
   */
  submitPatiently<Outcome>(verb: Verb, decide: Decide<Outcome>): Promise<Outcome> {
    return this.#enqueue(this.#patient, verb, decide, () => {
      this.#patience ??= setTimeout(() => this.#wake(), PATIENCE);
    });
  }

  #enqueue<Outcome>(
    queue: Undecided[],
    verb: Verb,
    decide: Decide<Outcome>,
    added: () => void,
  ): Promise<Outcome> {
    if (queue.length >= MAX_WAITING) {
      return Promise.reject(
        new BrokerError("overloaded", `${verb} refused: ${MAX_WAITING} commands are waiting`, {
          hint: "try again later",
        }),
      );
    }
    return new Promise<Outcome>((resolve, reject) => {
      queue.push({ verb, decide, resolve: (outcome) => resolve(outcome as Outcome), reject });
      added();
    });
  }

  #wake(): void {
    if (this.#running) return;
    this.#running = true;
    // A turn later, so that all commands of one turn share a commit.
    setImmediate(() => void this.#drain());
  }

  /**
   * A group is decided when the one before it is durable: on nothing that might yet be undone. Its routes and answers need
   * not have come: they are {@link Routing}'s.
   */
  async #drain(): Promise<void> {
    while (this.#queue.length + this.#patient.length > 0 || this.#routing.failing) {
      // In front of the queue: a repetition that waits there must not be answered with what is about to go.
      const refused = [...(await this.#routing.ready()), ...this.#owed.splice(0)];
      const undoing = refused.map((one) => this.#undo(one));
      const patient = this.#patient.splice(
        0,
        Math.max(MAX_PATIENT, MAX_GROUP - this.#queue.length),
      );
      const queued = this.#queue.splice(0, MAX_GROUP - patient.length);
      clearTimeout(this.#patience);
      this.#patience = undefined;
      this.#groupBegun = performance.now();
      await this.#group([...undoing, ...queued, ...patient]);
      this.#groupBegun = undefined;
    }
    this.#running = false;
  }

  async #group(group: readonly Undecided[]): Promise<void> {
    const decided: Decided[] = [];
    const inverses: Change[][] = [];
    const changes: Change[] = [];
    for (const waiting of group) {
      try {
        const decision = waiting.decide(this.ledger, this.moment());
        const inverse = this.ledger.apply(decision.changes);
        inverses.push(inverse);
        changes.push(...decision.changes);
        decided.push({ waiting, decision, inverse });
      } catch (thrown) {
        waiting.reject(
          new BrokerError("internal", `${waiting.verb} could not be decided: ${String(thrown)}`, {
            cause: thrown,
            hint: "this is a defect; please report it with the broker's log",
          }),
        );
      }
    }
    if (changes.length > 0 && !(await this.#persist(decided, changes, inverses))) return;
    this.#routing.begin(decided);
  }

  /** False when the commit failed: then every decision of the group is undone and refused. */
  async #persist(
    decided: readonly Decided[],
    changes: readonly Change[],
    inverses: readonly Change[][],
  ): Promise<boolean> {
    const cause = causeOf(decided.filter(({ decision }) => decision.changes.length > 0));
    const begun = performance.now();
    try {
      await this.#options.effects.persist(
        cause,
        lastOfEachKey([...changes, ...this.#sequenceChange()]),
      );
    } catch (thrown) {
      this.ledger.undo(inverses);
      const error = commitFailed(thrown);
      this.#options.trouble("commit", error);
      for (const { waiting } of decided) waiting.reject(error);
      return false;
    }
    // From here on it is on disk: nothing that listens may undo it.
    this.#storedSequence = this.ledger.sequence;
    try {
      this.#options.committed(cause, changes, performance.now() - begun);
    } catch (thrown) {
      this.#options.trouble("after a commit", asError(thrown));
    }
    return true;
  }

  #sequenceChange(): Change[] {
    const { sequence } = this.ledger;
    return sequence === this.#storedSequence
      ? []
      : [
          {
            op: "put",
            record: { kind: "meta", meta: { name: "sequence", value: String(sequence) } },
          },
        ];
  }

  #undo(refused: Refused): Undecided {
    const { verb, steps, told, refuse } = refused;
    return {
      verb,
      undoes: true,
      decide: (ledger, moment) => decideUndo(ledger, steps, told, moment),
      resolve: refuse,
      reject: (error) => {
        // Who waits is not kept until there is room on the disk.
        refuse();
        if (error.code === "commit-failed") this.#owed.push(refused);
        this.#options.trouble(`undoing a refused ${verb}`, error);
      },
    };
  }
}

function commitFailed(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError && thrown.code === "commit-failed") return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BrokerError("commit-failed", `the ledger could not be written: ${message}`, {
    cause: thrown,
    hint: "check the disk of the state folder (df, dmesg); nothing was changed and the call can be repeated",
  });
}
