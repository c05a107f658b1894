// One judgement of doctor: what was looked at, how it is, what people notice of it, and what to do.

export interface Finding {
  readonly check: string;
  readonly state: "ok" | "warning" | "problem";
  /** What was found; where something is wrong, the cause. */
  readonly detail: string;
  /** What people notice of it; absent where the detail says it all. */
  readonly symptom?: string;
  /** What to do; empty when nothing is wrong. */
  readonly remedy: string;
}

/** What people complain of. */
export const symptoms = {
  acrossHosts: "guests answer on their own host, and not from other hosts",
  noLease: "guests get no DHCP lease",
  unreachable: "guests have an address, and cannot be reached from other hosts",
  wrongSubnet: "guests get addresses of the wrong subnet, or none",
  noRoom: "init ends with InsufficientIpInSubnet, or with fewer addresses than asked for",
  rangeTooSmall: "init refuses --subnet: the secondary range does not cover it",
} as const;

export const ok = (check: string, detail: string): Finding => ({
  check,
  state: "ok",
  detail,
  remedy: "",
});
export const problem = (
  check: string,
  detail: string,
  remedy: string,
  symptom?: string,
): Finding => ({
  check,
  state: "problem",
  detail,
  ...(symptom === undefined ? {} : { symptom }),
  remedy,
});
export const warning = (
  check: string,
  detail: string,
  remedy: string,
  symptom?: string,
): Finding => ({
  ...problem(check, detail, remedy, symptom),
  state: "warning",
});
