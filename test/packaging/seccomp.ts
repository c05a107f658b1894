// System call filters through libseccomp, as systemd makes them: for the calling thread and all that it becomes by execve(2).

import koffi from "koffi";
import type { Confinement, Refusal } from "./confinement.ts";

const ACTION_ALLOW = 0x7fff0000;
const ACTION_ERRNO = 0x00050000;
/** SCMP_CMP_MASKED_EQ: (argument & datum_a) == datum_b. */
const COMPARE_MASKED = 7;
/** libseccomp gives negative numbers to names that this machine does not have. */
const UNKNOWN = 0;

type Comparison = { arg: number; op: number; datum_a: bigint; datum_b: bigint };

function library() {
  const file = koffi.load("libseccomp.so.2");
  koffi.struct("scmp_arg_cmp", { arg: "uint", op: "int", datum_a: "uint64", datum_b: "uint64" });
  return {
    init: file.func("void *seccomp_init(uint32 action)") as (action: number) => unknown,
    resolve: file.func("int seccomp_syscall_resolve_name(str name)") as (name: string) => number,
    add: file.func(
      "int seccomp_rule_add_array(void *ctx, uint32 action, int call, uint count, const scmp_arg_cmp *args)",
    ) as (
      ctx: unknown,
      action: number,
      call: number,
      count: number,
      args: Comparison[] | null,
    ) => number,
    load: file.func("int seccomp_load(void *ctx)") as (ctx: unknown) => number,
  };
}

/** Loads both filters. From here on this thread is confined; only execve should follow. */
export function loadFilters(confinement: Confinement): void {
  const seccomp = library();
  const must = (result: number, what: string): void => {
    if (result < 0) throw new Error(`libseccomp: ${what}: errno ${-result}`);
  };
  const refusing = seccomp.init(ACTION_ALLOW);
  for (const refusal of confinement.refusals) {
    const comparisons = comparisonsOf(refusal);
    must(
      seccomp.add(
        refusing,
        ACTION_ERRNO + refusal.errno,
        seccomp.resolve(refusal.call),
        comparisons.length,
        comparisons.length === 0 ? null : comparisons,
      ),
      refusal.call,
    );
  }
  const allowing = seccomp.init(ACTION_ERRNO + confinement.callErrno);
  for (const name of confinement.calls) {
    const call = seccomp.resolve(name);
    if (call >= UNKNOWN) must(seccomp.add(allowing, ACTION_ALLOW, call, 0, null), name);
  }
  must(seccomp.load(refusing), "loading the refusals");
  must(seccomp.load(allowing), "loading the allowed calls");
}

function comparisonsOf({ when }: Refusal): Comparison[] {
  if (when === undefined) return [];
  const { argument, mask, value } = when;
  return [{ arg: argument, op: COMPARE_MASKED, datum_a: BigInt(mask), datum_b: BigInt(value) }];
}
