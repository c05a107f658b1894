// Which calls to a fake cloud go wrong, and how: a list that is used up one call at a time.

/**
 * How a call goes wrong.
 * - `fail-before`: the cloud's documented server error; nothing was applied.
 * - `throttle`: the cloud's own answer to too many calls; nothing was applied.
 * - `denied`: the cloud's answer when a permission lacks; nothing was applied.
 * - `hang`: the request is read and never answered; nothing was applied.
 * - `reset`: the connection is reset once the request was read; nothing was applied.
 * - `garbage`: 502 with HTML, as a proxy in between gives; nothing was applied.
 * - `lost-after`: applied, then the connection is reset without an answer.
 * - `hang-after`: applied, and never answered.
 * - `garbage-after`: applied, and answered with 200 and HTML.
 * - `truncated`: applied, and the answer's JSON ends in the middle.
 */
export const FAULT_KINDS = [
  "fail-before",
  "throttle",
  "denied",
  "hang",
  "reset",
  "garbage",
  "lost-after",
  "hang-after",
  "garbage-after",
  "truncated",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** `any` counts every call of the API, `any-mutating` those that change something; else an action's name. */
export interface Fault {
  readonly call: string;
  /** The first occurrence that fails, counted from 1 since the fault was planned. */
  readonly nth: number;
  /** How many occurrences in a row fail; 1 when absent. */
  readonly times?: number;
  readonly kind: FaultKind;
}

/** Faults that may be planned at one time. */
const MAX_FAULTS = 1_000;

interface Planned {
  readonly fault: Fault;
  seen: number;
}

/** Reads a fault that came from outside; throws with what is wrong. */
export function parseFault(value: unknown): Fault {
  const given = Object(value) as Partial<Record<keyof Fault, unknown>>;
  const kind = FAULT_KINDS.find((known) => known === given.kind);
  const { call, nth = 1, times = 1 } = given;
  if (kind === undefined)
    throw new TypeError(
      `${JSON.stringify(value)} has no known kind: use ${FAULT_KINDS.join(", ")}`,
    );
  if (typeof call !== "string" || call === "")
    throw new TypeError(`${JSON.stringify(value)} names no call`);
  for (const count of [nth, times])
    if (typeof count !== "number" || !Number.isInteger(count) || count < 1)
      throw new TypeError(`${JSON.stringify(value)} counts with something else than 1, 2, 3, …`);
  return { call, nth: Number(nth), times: Number(times), kind };
}

export class FaultPlan {
  #planned: Planned[] = [];

  plan(...faults: readonly Fault[]): void {
    if (this.#planned.length + faults.length > MAX_FAULTS)
      throw new RangeError(`more than ${MAX_FAULTS} faults at one time`);
    this.#planned.push(...faults.map((fault) => ({ fault: parseFault(fault), seen: 0 })));
  }

  /** Forgets what has not happened yet. */
  clear(): void {
    this.#planned = [];
  }

  /** Faults that have not happened, or not as often as planned: a test can insist on none. */
  get pending(): readonly Fault[] {
    return this.#planned.map(({ fault }) => fault);
  }

  /** Counts a call in every fault that means it, and says how it goes wrong: the first planned one wins. */
  take(action: string, mutating: boolean): FaultKind | undefined {
    let kind: FaultKind | undefined;
    for (const planned of this.#planned) {
      const { call, nth } = planned.fault;
      if (call !== action && call !== "any" && !(call === "any-mutating" && mutating)) continue;
      planned.seen += 1;
      if (planned.seen >= nth) kind ??= planned.fault.kind;
    }
    this.#planned = this.#planned.filter(
      ({ fault, seen }) => seen < fault.nth + (fault.times ?? 1) - 1,
    );
    return kind;
  }
}
