// A command that was made durable and then refused, because a route failed, is undone: a refusal changes nothing.

import type { Ip } from "./address.ts";
import { type Moment, isReleased } from "./attach.ts";
import type { Decision } from "./effects.ts";
import type { Ledger } from "./ledger.ts";
import type { Lease } from "./lease.ts";
import { type Change, ipOfKey } from "./record.ts";
import { Draft } from "./release.ts";

/** What a command made of one address. */
export interface Step {
  /** Undefined when the address was free. */
  readonly before: Lease | undefined;
  readonly after: Lease;
}

/** Read off a decision's changes and those that undo them, as {@link Ledger.apply} answered; one step for each address. */
export function stepsOf(changes: readonly Change[], inverse: readonly Change[]): readonly Step[] {
  const before = new Map<Ip, Lease | undefined>();
  // The first change of an address, undone last, tells what was there before.
  for (const change of inverse) {
    if (change.op === "put") {
      if (change.record.kind === "lease") before.set(change.record.lease.ip, change.record.lease);
    } else {
      const ip = ipOfKey(change.key);
      if (ip !== undefined) before.set(ip, undefined);
    }
  }
  const after = new Map<Ip, Lease>();
  for (const change of changes)
    if (change.op === "put" && change.record.kind === "lease")
      after.set(change.record.lease.ip, change.record.lease);
  return [...after].map(([ip, lease]) => ({ before: before.get(ip), after: lease }));
}

/**
 * What was drawn cools again, unless its holder was `told` of it since by another answer. What was renewed or given up is
 * put back as it was, all of it or nothing: only while nobody has changed or drawn any of it meanwhile. A mere offer gives
 * way: its guest is refused what it asks for. A release that came in between, and found the command in its way, is made now.
 */
export function decideUndo(
  ledger: Ledger,
  steps: readonly Step[],
  told: ReadonlySet<Ip>,
  moment: Moment,
): Decision<void> {
  const draft = new Draft();
  const untouched = steps.every((step) => isUntouched(ledger, step, told));
  for (const { before, after } of steps) {
    const current = ledger.lease(after.ip);
    if (current === undefined) continue;
    if (before?.state === "leased" && untouched)
      putBack(ledger, draft, { before, after: current }, moment);
    else if (isDrawn({ before, after }) && isHeld(current, after) && !told.has(after.ip)) {
      if (before?.state === "cooling") draft.giveBack(current, before, moment.now, "route-failed");
      else draft.release(current, moment.now, "route-failed");
    }
  }
  return draft.decision(undefined);
}

const isDrawn = ({ before, after }: Step): boolean =>
  after.state === "leased" && (before?.state !== "leased" || before.sequence !== after.sequence);

/** Of the same allocation, whoever has renewed it since. */
const isHeld = (current: Lease, after: Lease): boolean =>
  current.state === "leased" && current.sequence === after.sequence;

/** Apart from a confirmation, which is of the answer before. */
function isUntouched(ledger: Ledger, { after }: Step, told: ReadonlySet<Ip>): boolean {
  const current = ledger.lease(after.ip);
  return (
    current?.state === after.state &&
    current.sequence === after.sequence &&
    current.attachment === after.attachment &&
    current.until === after.until &&
    !told.has(after.ip)
  );
}

function putBack(
  ledger: Ledger,
  draft: Draft,
  { before, after: current }: { readonly before: Lease; readonly after: Lease },
  moment: Moment,
): void {
  const { owner, attachment } = before;
  const releasedSince =
    owner?.kind === "container" &&
    attachment !== undefined &&
    isReleased(ledger, { owner, attachment }, moment);
  if (releasedSince) {
    if (current.state === "leased") draft.release(current, moment.now, "del");
    return;
  }
  const { provisional, ...confirmed } = before;
  const confirmedSince = isHeld(current, before) && current.provisional === undefined;
  draft.put(provisional === true && !confirmedSince ? before : confirmed);
  if (before.routed && !(current.state === "leased" && current.mac === before.mac))
    draft.route(before.ip, before.mac);
  if (current.state !== "leased" && owner !== undefined)
    draft.events.push({
      event: "lease.bound",
      ip: before.ip,
      owner,
      pool: before.pool,
      renewed: false,
    });
}
