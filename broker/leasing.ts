// The one writer: every change of the ledger passes here, in groups, in the order decide, persist, route, reply.

import type { Moment } from "#core/attach.ts";
import { decideForget } from "#core/detach.ts";
import type { Decision, RouteChange, Verb } from "#core/effects.ts";
import { BrokerError } from "#core/errors.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Lease } from "#core/lease.ts";
import type { Ledger } from "#core/ledger.ts";
import type { Clock } from "#core/ports.ts";
import type { Change } from "#core/record.ts";
import type { Cause, Effects } from "./effects.ts";

/** Commands that may wait; one more is refused, so that a flood ends in refusals and not in memory. */
const MAX_WAITING = 8_192;
/** Commands that share one commit: bounds the burst of replies behind it. */
const MAX_GROUP = 256;
/** A group that takes longer than this is stuck: systemd is no longer told that the broker is alive. Milliseconds. */
const STUCK_AFTER = 40_000;

type Decide<Outcome> = (ledger: Ledger, moment: Moment) => Decision<Outcome>;

interface Waiting {
  readonly verb: Verb;
  readonly decide: Decide<unknown>;
  readonly resolve: (outcome: unknown) => void;
  readonly reject: (error: BrokerError) => void;
}
interface Decided {
  readonly waiting: Waiting;
  readonly decision: Decision<unknown>;
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
  #queue: Waiting[] = [];
  #running = false;
  #storedSequence: number;
  #groupBegun: number | undefined;

  constructor(options: LeasingOptions) {
    this.ledger = options.ledger;
    this.#options = options;
    this.#storedSequence = Number(options.ledger.meta("sequence") ?? 0);
  }

  /** False while one group has been on its way for longer than a disk or kernel should take. */
  healthy(): boolean {
    return this.#groupBegun === undefined || performance.now() - this.#groupBegun < STUCK_AFTER;
  }

  moment(): Moment {
    return { now: this.#options.clock.now(), bootId: this.#options.bootId };
  }

  /**
   * Queues a decision. Resolves with its outcome once its changes are durable and its routes stand.
   * Rejects with `overloaded`, `commit-failed` (nothing was changed) or `route-failed` (the change was taken back).
   */
  submit<Outcome>(verb: Verb, decide: Decide<Outcome>): Promise<Outcome> {
    if (this.#queue.length >= MAX_WAITING) {
      return Promise.reject(
        new BrokerError("overloaded", `${verb} refused: ${MAX_WAITING} commands are waiting`, {
          hint: "try again later",
        }),
      );
    }
    return new Promise<Outcome>((resolve, reject) => {
      this.#queue.push({ verb, decide, resolve: (outcome) => resolve(outcome as Outcome), reject });
      if (!this.#running) {
        this.#running = true;
        // A turn later, so that all commands of one turn share a commit.
        setImmediate(() => void this.#drain());
      }
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      this.#groupBegun = performance.now();
      await this.#group(this.#queue.splice(0, MAX_GROUP));
    }
    this.#groupBegun = undefined;
    this.#running = false;
  }

  async #group(group: readonly Waiting[]): Promise<void> {
    const decided: Decided[] = [];
    const inverses: Change[][] = [];
    const changes: Change[] = [];
    for (const waiting of group) {
      try {
        const decision = waiting.decide(this.ledger, this.moment());
        inverses.push(this.ledger.apply(decision.changes));
        changes.push(...decision.changes);
        decided.push({ waiting, decision });
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
    await this.#route(decided);
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
      await this.#options.effects.persist(cause, [...changes, ...this.#sequenceChange()]);
    } catch (thrown) {
      for (const inverse of inverses.toReversed()) this.ledger.apply(inverse);
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

  async #route(decided: readonly Decided[]): Promise<void> {
    const routed = decided.filter(({ decision }) => decision.routes.length > 0);
    const routes = routed.flatMap(({ decision }) => decision.routes);
    const results = routes.length === 0 ? [] : await this.#applyRoutes(causeOf(routed), routes);
    let index = 0;
    const refused: { waiting: Waiting; decision: Decision<unknown>; failed: Error }[] = [];
    const told = new Set<number>();
    for (const { waiting, decision } of decided) {
      const own = results.slice(index, index + decision.routes.length);
      index += decision.routes.length;
      this.#tell(decision);
      const failed = this.#failedRoute(decision.routes, own);
      if (failed !== undefined) refused.push({ waiting, decision, failed });
      else {
        for (const { sequence } of leasedIn(decision)) told.add(sequence);
        waiting.resolve(decision.outcome);
      }
    }
    for (const { waiting, decision, failed } of refused)
      this.#takeBack(waiting, decision, failed, told);
  }

  /** Whoever listens must not keep the command, or those behind it, from their answers. */
  #tell({ events }: Decision<unknown>): void {
    for (const event of events) {
      try {
        this.#options.emit(event);
      } catch (thrown) {
        this.#options.trouble(`telling ${event.event}`, asError(thrown));
      }
    }
  }

  async #applyRoutes(
    cause: Cause,
    routes: readonly RouteChange[],
  ): Promise<readonly (Error | undefined)[]> {
    try {
      return await this.#options.effects.route(cause, routes);
    } catch (thrown) {
      const error = asError(thrown);
      return routes.map(() => error);
    }
  }

  /** A route that could not be added fails its command; one that could not be removed is left to the resync. */
  #failedRoute(
    routes: readonly RouteChange[],
    results: readonly (Error | undefined)[],
  ): Error | undefined {
    let failed: Error | undefined;
    for (const [index, error] of results.entries()) {
      if (error === undefined) continue;
      this.#options.trouble(`route ${routes[index]?.op} ${routes[index]?.ip}`, error);
      if (routes[index]?.op === "add") failed ??= error;
    }
    return failed;
  }

  /**
   * New leases without a route are given back; they were never acknowledged, so nobody may count on them. `told` are those
   * that a repetition in the same group, whose route stands, was answered with: they stay.
   */
  #takeBack(
    waiting: Waiting,
    decision: Decision<unknown>,
    failed: Error,
    told: ReadonlySet<number>,
  ): void {
    const fresh = leasedIn(decision);
    const error = new BrokerError(
      "route-failed",
      `no host route for ${fresh.map((lease) => lease.ip).join(", ")}: ${failed.message}`,
      { cause: failed, hint: "cocoon-net doctor checks the bridge; the call can be repeated" },
    );
    const added = new Set(
      decision.events.flatMap((event) =>
        event.event === "lease.bound" && !event.renewed ? [event.ip] : [],
      ),
    );
    for (const { ip, sequence } of fresh) {
      if (!added.has(ip) || told.has(sequence)) continue;
      // In front of the queue: a repetition that waits there must not be answered with what is about to go.
      this.#queue.unshift({
        verb: waiting.verb,
        decide: (ledger, moment) =>
          decideForget(ledger, { ip, sequence, reason: "route-failed" }, moment),
        resolve: () => undefined,
        reject: (trouble) => this.#options.trouble(`taking back ${ip}`, trouble),
      });
    }
    waiting.reject(error);
  }
}

const causeOf = (decided: readonly Decided[]): Cause => [
  ...new Set(decided.map(({ waiting }) => waiting.verb)),
];

const leasedIn = ({ changes }: Decision<unknown>): Lease[] =>
  changes.flatMap((change) =>
    change.op === "put" && change.record.kind === "lease" && change.record.lease.state === "leased"
      ? [change.record.lease]
      : [],
  );

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

function commitFailed(thrown: unknown): BrokerError {
  if (thrown instanceof BrokerError && thrown.code === "commit-failed") return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new BrokerError("commit-failed", `the ledger could not be written: ${message}`, {
    cause: thrown,
    hint: "check the disk of the state folder (df, dmesg); nothing was changed and the call can be repeated",
  });
}
