// Step by step, what init and teardown do in the cloud: for people, on standard error.

import type { SagaReport } from "#provision/saga.ts";
import type { Terminal } from "./terminal.ts";

/** Each step's beginning, what it waits for, and how long it took. */
export function reportTo(terminal: Terminal): SagaReport {
  let place = "";
  let waited = "";
  return {
    began(step, number, total) {
      place = `[${number}/${total}]`;
      waited = "";
      terminal.err(`${place} ${step.action} ${step.target}\n`);
    },
    waiting(_, text) {
      if (text === waited) return;
      waited = text;
      terminal.err(`${place}   ${text}\n`);
    },
    ended(_, milliseconds, outcome, reason) {
      const tone = outcome === "done" ? "green" : "yellow";
      const said = reason === "" ? "" : `: ${reason}`;
      terminal.err(
        `${place} ${terminal.colour(tone, outcome)} after ${(milliseconds / 1_000).toFixed(1)} s${said}\n`,
      );
    },
  };
}
