// Routes and replies of groups that are durable: several groups' routes are on their way, their answers come in order.

import type { Decision, RouteChange, Verb } from "#core/effects.ts";
import { BrokerError } from "#core/errors.ts";
import type { BusinessEvent } from "#core/events.ts";
import type { Ip } from "#core/address.ts";
import type { Change } from "#core/record.ts";
import { type Step, stepsOf } from "#core/undo.ts";
import type { Cause, Effects } from "./effects.ts";

/** Groups whose routes may be on their way; the next one waits with its decisions until the oldest is answered. */
const MAX_ROUTING = 4;

/** A command that waits for its answer. */
export interface Waiting {
  readonly verb: Verb;
  /** It undoes another command, and is not undone itself. */
  readonly undoes?: true;
  readonly resolve: (outcome: unknown) => void;
  readonly reject: (error: BrokerError) => void;
}
export interface Decided {
  readonly waiting: Waiting;
  readonly decision: Decision<unknown>;
  /** The changes that undo the decision's. */
  readonly inverse: readonly Change[];
}
/** A command that was refused because a route failed, although its changes are durable. */
export interface Refused {
  readonly verb: Verb;
  readonly steps: readonly Step[];
  /** Addresses that another command, answered since, has told their holder of. */
  readonly told: ReadonlySet<Ip>;
  /** Answers its caller, when it is undone or could not be: a broker that dies before has refused nothing. */
  readonly refuse: () => void;
}

export interface RoutingOptions {
  readonly effects: Pick<Effects, "route">;
  readonly emit: (event: BusinessEvent) => void;
  readonly trouble: (what: string, error: Error) => void;
  /** A command is to be undone: {@link Routing.ready} has it. */
  readonly failed: () => void;
}

/**
 * Invariants: routes are handed to the kernel in the order in which their groups became durable, so that of two changes of
 * one address the later one stands; and answers are given in that order too, so that whoever was told of a lease is known
 * before it is decided whether the lease is taken back.
 */
export class Routing {
  readonly #options: RoutingOptions;
  readonly #begun: number[] = [];
  #refused: (Refused & { readonly told: Set<Ip> })[] = [];
  #last: Promise<void> = Promise.resolve();
  #room: (() => void) | undefined;

  constructor(options: RoutingOptions) {
    this.#options = options;
  }

  /** When the oldest group on its way was begun (performance.now). */
  get oldest(): number | undefined {
    return this.#begun[0];
  }

  get failing(): boolean {
    return this.#refused.length > 0;
  }

  /** Hands the group's routes to the kernel and answers its commands when they stand. Nothing to wait for. */
  begin(decided: readonly Decided[]): void {
    const routed = decided.filter(({ decision }) => decision.routes.length > 0);
    const routes = routed.flatMap(({ decision }) => decision.routes);
    if (routes.length === 0 && this.#begun.length === 0) return this.#answer(decided, []);
    const results = routes.length === 0 ? [] : this.#apply(causeOf(routed), routes);
    this.#begun.push(performance.now());
    this.#last = this.#finish(decided, results, this.#last);
  }

  /**
   * Resolves when another group may be decided, with the commands that it must undo first, the latest first. After a failure
   * that is when everything on its way was answered: a repetition among it may have been told of a lease whose route failed
   * before and stands now.
   */
  async ready(): Promise<readonly Refused[]> {
    if (this.#begun.length >= MAX_ROUTING)
      await new Promise<void>((resolve) => (this.#room = resolve));
    if (!this.failing) return [];
    await this.#last;
    const refused = this.#refused.toReversed();
    this.#refused = [];
    return refused;
  }

  async #apply(
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

  async #finish(
    decided: readonly Decided[],
    answered: readonly undefined[] | Promise<readonly (Error | undefined)[]>,
    before: Promise<void>,
  ): Promise<void> {
    const results = await answered;
    await before;
    this.#answer(decided, results);
    this.#begun.shift();
    this.#room?.();
    this.#room = undefined;
    if (this.failing) this.#options.failed();
  }

  #answer(decided: readonly Decided[], results: readonly (Error | undefined)[]): void {
    let index = 0;
    for (const one of decided) {
      const { waiting, decision } = one;
      const own = results.slice(index, index + decision.routes.length);
      index += decision.routes.length;
      this.#tell(decision);
      const failed = this.#failedRoute(decision.routes, own);
      if (failed !== undefined) this.#refuse(one, failed);
      else {
        // Told of the lease itself, or of a later one: whose route failed before is not to be taken back any more.
        if (this.failing)
          for (const ip of addedIn(decision)) for (const { told } of this.#refused) told.add(ip);
        waiting.resolve(decision.outcome);
      }
    }
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

  /** What the command changed was never acknowledged, so nobody may count on it. */
  #refuse({ waiting, decision, inverse }: Decided, failed: Error): void {
    const error = new BrokerError(
      "route-failed",
      `no host route for ${addedIn(decision).join(", ")}: ${failed.message}`,
      { cause: failed, hint: "cocoon-net doctor checks the bridge; the call can be repeated" },
    );
    const refuse = () => waiting.reject(error);
    const steps = waiting.undoes === true ? [] : stepsOf(decision.changes, inverse);
    if (steps.length === 0) refuse();
    else this.#refused.push({ verb: waiting.verb, steps, told: new Set(), refuse });
  }
}

export const causeOf = (decided: readonly Decided[]): Cause => [
  ...new Set(decided.map(({ waiting }) => waiting.verb)),
];

export const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));

/** The addresses that the decision routes: whoever is told its outcome may count on them, new or not. */
const addedIn = ({ routes }: Decision<unknown>): Ip[] =>
  routes.flatMap(({ op, ip }) => (op === "add" ? [ip] : []));
