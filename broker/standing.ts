// How the broker stands: what it waits for, what it found at start, and what is wrong now; told by status and health.

import type { LoadedLedger } from "#core/ports.ts";
import type { NodeItem, StatusAnswer } from "#broker/api/contract.ts";

/** Warnings kept for `status`; the oldest give way. */
const MAX_WARNINGS = 32;

export class Standing {
  /** Why ADDs are not answered; undefined while they are. */
  notServing: string | undefined = "starting";
  /** Whether runtimes have been told of us: the conflist is there, or could not be written. */
  announced = false;
  ledger: Omit<LoadedLedger, "records"> = { condition: "missing" };
  setup: readonly NodeItem[] = [];
  readonly #warnings = new Map<string, string>();

  /** Why nobody should be sent here yet; undefined when the start is over. */
  get notReady(): string | undefined {
    return this.notServing ?? (this.announced ? undefined : "writing the conflist");
  }

  /** Keeps the newest warning about a thing. */
  warn(about: string, message: string): void {
    this.#warnings.delete(about);
    this.#warnings.set(about, message);
    const oldest = this.#warnings.keys().next().value;
    if (this.#warnings.size > MAX_WARNINGS && oldest !== undefined) this.#warnings.delete(oldest);
  }

  /** The thing is right again. */
  clear(about: string): void {
    this.#warnings.delete(about);
  }

  warnings(): string[] {
    return [...this.#warnings.values()];
  }

  /** What was missing or damaged has been made good from evidence; how it was at start stays visible. */
  rebuilt(): void {
    if (this.ledger.condition === "sound") return;
    const before = this.ledgerView().detail ?? "there was none";
    this.ledger = { condition: "sound", detail: `begun anew at start: ${before}` };
  }

  /** Set-up and warnings as `status` shows them. */
  view(): Pick<StatusAnswer, "setup" | "warnings"> {
    return { setup: [...this.setup], warnings: this.warnings() };
  }

  /** The ledger as `status` shows it. */
  ledgerView(): Pick<StatusAnswer["ledger"], "condition" | "detail"> {
    const { condition, detail, aside } = this.ledger;
    const words = [detail, aside === undefined ? undefined : `put aside as ${aside}`];
    const told = words.filter((word) => word !== undefined).join("; ");
    return told === "" ? { condition } : { condition, detail: told };
  }
}
