// What a fake cloud was asked, in order, with what came of it.

/** A call as the cloud understands it, before it is served. */
export interface NamedCall {
  /** The cloud's name of the operation, for example `instances.get` or `CreateSubnet`; `unknown` when it has none. */
  readonly action: string;
  readonly mutating: boolean;
  readonly params: Readonly<Record<string, unknown>>;
  /** What the caller did that the cloud does not know or document: tests can assert that there was none. */
  readonly unexpected?: string;
}

export interface LoggedCall extends NamedCall {
  /** From 1, in the order of arrival. */
  readonly index: number;
  /** Milliseconds of the fake's clock. */
  readonly at: number;
  /** The fault's kind, `ok`, `error`, or `running` while the call is being served. */
  outcome: string;
  /** The HTTP status that was sent, absent when none was. */
  status?: number;
  unexpected?: string;
}

/** Calls that are kept; the oldest go first. */
const MAX_CALLS = 100_000;

export class CallLog {
  #calls: LoggedCall[] = [];
  #count = 0;

  begin(call: NamedCall, at: number): LoggedCall {
    this.#count += 1;
    const logged: LoggedCall = { ...call, index: this.#count, at, outcome: "running" };
    this.#calls.push(logged);
    if (this.#calls.length > MAX_CALLS) this.#calls.shift();
    return logged;
  }

  get calls(): readonly LoggedCall[] {
    return this.#calls;
  }

  get mutating(): readonly LoggedCall[] {
    return this.#calls.filter((call) => call.mutating);
  }

  get unexpected(): readonly LoggedCall[] {
    return this.#calls.filter((call) => call.unexpected !== undefined);
  }

  /** How often each action was called, by its name. */
  counts(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const { action } of this.#calls) counts[action] = (counts[action] ?? 0) + 1;
    return counts;
  }

  clear(): void {
    this.#calls = [];
  }
}
