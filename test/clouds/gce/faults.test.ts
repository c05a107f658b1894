// Each kind of fault: what the caller sees of it, and whether the call was applied.

import { describe, expect, test, vi } from "vitest";
import type { FaultKind } from "#test/clouds/shared/fault-plan.ts";
import { FaultPlan } from "#test/clouds/shared/fault-plan.ts";
import { type Caller, NODE_1, startCaller } from "./calls.ts";

const GKE = { ipCidrRange: "10.4.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const OURS = { ipCidrRange: "10.5.1.0/24", subnetworkRangeName: "gke-demo-pods" };
const ACTION = "instances.updateNetworkInterface";

const seen = (caller: Caller) =>
  caller.setAliases(NODE_1, [GKE, OURS]).then(
    ({ status, reason, text }) => ({ status, reason, text }),
    (error: unknown) => ({ status: 0, reason: "reset", text: String(error) }),
  );

test.each<{
  readonly kind: FaultKind;
  readonly status: number;
  readonly reason?: string;
  readonly text?: RegExp;
  readonly applied: boolean;
}>([
  { kind: "fail-before", status: 503, reason: "backendError", applied: false },
  { kind: "throttle", status: 403, reason: "rateLimitExceeded", applied: false },
  { kind: "denied", status: 403, reason: "forbidden", applied: false },
  { kind: "reset", status: 0, reason: "reset", applied: false },
  { kind: "garbage", status: 502, text: /^<!DOCTYPE html>/, applied: false },
  { kind: "lost-after", status: 0, reason: "reset", applied: true },
  { kind: "garbage-after", status: 200, text: /^<!DOCTYPE html>/, applied: true },
  { kind: "truncated", status: 200, text: /^\{[^}]*$/, applied: true },
])("$kind", async ({ kind, status, reason, text = /^/, applied }) => {
  await using caller = await startCaller();
  caller.gce.faults.plan({ call: ACTION, nth: 1, kind });
  const answer = await seen(caller);
  expect(answer).toMatchObject({ status, ...(reason === undefined ? {} : { reason }) });
  expect(answer.text).toMatch(text);
  expect(caller.gce.log.mutating).toMatchObject([{ action: ACTION, outcome: kind }]);
  expect(caller.gce.faults.pending).toEqual([]);
  expect(caller.gce.audit().ours).toHaveLength(applied ? 1 : 0);
});

test.each<{ readonly kind: FaultKind; readonly applied: boolean }>([
  { kind: "hang", applied: false },
  { kind: "hang-after", applied: true },
])("$kind", async ({ kind, applied }) => {
  await using caller = await startCaller();
  caller.gce.faults.plan({ call: ACTION, nth: 1, kind });
  const { fingerprint } = await caller.nic();
  const given = new AbortController();
  const hanging = caller.call(`${NODE_1}/updateNetworkInterface?networkInterface=nic0`, {
    body: { fingerprint, aliasIpRanges: [GKE, OURS] },
    signal: given.signal,
  });
  const ended = expect(hanging).rejects.toThrow();
  await vi.waitFor(() => expect(caller.gce.log.calls.at(-1)?.outcome).toBe(kind));
  given.abort();
  await ended;
  expect(caller.gce.audit().ours).toHaveLength(applied ? 1 : 0);
});

test("the fake ends while a caller hangs on it", async () => {
  const caller = await startCaller();
  caller.gce.faults.plan({ call: "instances.get", nth: 1, kind: "hang" });
  const ended = expect(caller.call(NODE_1)).rejects.toThrow();
  await vi.waitFor(() => expect(caller.gce.log.calls.at(-1)?.outcome).toBe("hang"));
  await caller[Symbol.asyncDispose]();
  await ended;
});

test("metadata fails in its own words", async () => {
  await using caller = await startCaller();
  const kinds = ["fail-before", "throttle", "denied", "garbage"] as const;
  const statuses: number[] = [];
  for (const kind of kinds) {
    caller.gce.faults.plan({ call: "metadata.get", nth: 1, kind });
    statuses.push((await caller.metadata("/instance/id")).status);
  }
  expect(statuses).toEqual([503, 429, 403, 502]);
});

describe("a plan", () => {
  const taken = (plan: FaultPlan, calls: readonly (readonly [string, boolean])[]) =>
    calls.map(([action, mutating]) => plan.take(action, mutating) ?? "-").join(" ");

  test("counts the calls that it means from the moment it is made", () => {
    const plan = new FaultPlan();
    plan.plan(
      { call: "any-mutating", nth: 2, kind: "hang" },
      { call: "get", nth: 2, times: 2, kind: "reset" },
      { call: "any", nth: 7, kind: "denied" },
    );
    const get = ["get", false] as const;
    const put = ["put", true] as const;
    expect(taken(plan, [get, put, get, put, get, get, get, get])).toBe(
      "- - reset hang reset - denied -",
    );
    expect(plan.pending).toEqual([]);
  });

  test.each([
    { call: "get", nth: 0, kind: "hang" as const },
    { call: "", nth: 1, kind: "hang" as const },
    { call: "get", nth: 1, times: 0.5, kind: "hang" as const },
    { call: "get", nth: 1, kind: "explode" as FaultKind },
  ])("refuses %j", (fault) => {
    expect(() => new FaultPlan().plan(fault)).toThrow(TypeError);
  });

  test("can be forgotten", () => {
    const plan = new FaultPlan();
    plan.plan({ call: "any", nth: 1, kind: "hang" });
    plan.clear();
    expect(plan.take("get", false)).toBeUndefined();
  });
});
