// What provisioning would do, as data: printed by --dry-run, then made step by step.

export type StepAction =
  | "write"
  | "keep"
  | "remove"
  | "make"
  | "attach"
  | "detach"
  | "update"
  | "wait"
  | "check";

/** One change, in the words of a person who would make it by hand. */
export interface Step {
  readonly action: StepAction;
  /** Path, link or other thing that the step is about. */
  readonly target: string;
  /** What it will be, or why it stays. */
  readonly detail: string;
}

/** A file that should not be there, against whether it is. */
export const planRemoval = (target: string, present: boolean, detail: string): Step =>
  present
    ? { action: "remove", target, detail }
    : { action: "keep", target, detail: "already gone" };

/** One step a line, its number first. */
export const formatSteps = (steps: readonly Step[]): string =>
  steps
    .map((step, index) => `${index + 1}. ${step.action} ${step.target}: ${step.detail}\n`)
    .join("");
