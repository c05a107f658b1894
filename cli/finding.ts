// One judgement of doctor: what was looked at, how it is, and what to do.

export interface Finding {
  readonly check: string;
  readonly state: "ok" | "warning" | "problem";
  readonly detail: string;
  /** What to do; empty when nothing is wrong. */
  readonly remedy: string;
}

export const ok = (check: string, detail: string): Finding => ({
  check,
  state: "ok",
  detail,
  remedy: "",
});
export const problem = (check: string, detail: string, remedy: string): Finding => ({
  check,
  state: "problem",
  detail,
  remedy,
});
export const warning = (check: string, detail: string, remedy: string): Finding => ({
  check,
  state: "warning",
  detail,
  remedy,
});
