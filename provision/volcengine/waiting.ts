// Waits for the cloud: how long for what, and looks that grow rarer.

import type { Timing } from "#provision/retry.ts";

/** Milliseconds. What is counted is the time between looks: a look that itself had to wait for its turn costs nothing. */
export interface Patience {
  readonly budget: number;
  readonly firstPause: number;
  readonly longestPause: number;
}

const pauses = { firstPause: 1_000, longestPause: 5_000 };
/** An interface that is being made. */
export const CREATE: Patience = { budget: 60_000, ...pauses };
/** Attaching and detaching, which end on the host. */
export const ATTACH: Patience = { budget: 120_000, ...pauses };
export const DELETE: Patience = { budget: 60_000, ...pauses };
/** A subnet that is being made; other nodes' subnets in the same VPC are made one after the other. */
export const SUBNET: Patience = { budget: 120_000, ...pauses };
export const VPC_TURN: Patience = { budget: 15 * 60_000, firstPause: 2_000, longestPause: 10_000 };
/** Subnets count as used for minutes after the last interface has gone. */
export const DELETE_SUBNET: Patience = {
  budget: 10 * 60_000,
  firstPause: 2_000,
  longestPause: 15_000,
};
/** Addresses show at once, or a few seconds later. */
export const ASSIGN: Patience = { budget: 60_000, ...pauses };
/** What is between two states when it is first seen. */
export const SETTLE: Patience = { budget: 20_000, firstPause: 1_000, longestPause: 4_000 };
/** A link, after its interface was attached. */
export const LINK: Patience = { budget: 30_000, firstPause: 250, longestPause: 1_000 };
/** What was asked for longer ago than this is shown if it was made. */
export const HIDDEN_MS = 5 * 60_000;
/** How long an answer may still show what was before a change. */
export const STALE_MS = 20_000;

/** How far a wait has come; passed from pause to pause. */
export interface Waiting {
  readonly patience: Patience;
  waited: number;
  looks: number;
}

export const waiting = (patience: Patience): Waiting => ({ patience, waited: 0, looks: 0 });

/** Sleeps before the next look; false, without sleeping, when the patience is used up. */
export async function pause(state: Waiting, timing: Timing, signal: AbortSignal): Promise<boolean> {
  const { budget, firstPause, longestPause } = state.patience;
  if (state.waited >= budget) return false;
  const grown = Math.min(longestPause, firstPause * 1.5 ** state.looks);
  const length = grown * (0.75 + timing.random() / 2);
  state.looks += 1;
  state.waited += length;
  await timing.sleep(length, signal);
  return true;
}
