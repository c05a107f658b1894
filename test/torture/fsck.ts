// An operator's comparison of ledger and world, in the middle of whatever happens, with and without mending.

import type { FsckAnswer } from "#broker/api/contract.ts";
import { BrokerError } from "#core/errors.ts";
import type { Of, Setting } from "./container-call.ts";
import { type Container, GRACE } from "./model.ts";
import type { Simple } from "./operation.ts";
import { Contradiction } from "./oracle.ts";
import type { Session } from "./session.ts";

type Difference = FsckAnswer["differences"][number];

export async function fsck(
  setting: Setting,
  { repair, between }: Of<"fsck">,
  carryOut: (setting: Setting, operation: Simple) => Promise<void>,
): Promise<void> {
  const { session, alone } = setting;
  const { model } = session;
  const calm = alone && between.length === 0 && !session.shaky;
  const waiting = model.spooled.length > 0;
  const disturbed = session.disturbed;
  const begun = model.now;
  const mends = (): void => void (model.mendedAt = repair ? model.now : model.mendedAt);
  let due = between;
  const wait = async (milliseconds: number): Promise<void> => {
    const now = due;
    due = [];
    for (const operation of now) await carryOut({ ...setting, alone: false }, operation);
    if (!alone) return;
    // What was ended by now was not ended later.
    await session.alive(session.broker.rest());
    session.lookIntoSpool();
    session.judge();
    session.pass(milliseconds);
    mends();
  };
  mends();
  const answer = await session.alive(session.broker.fsck(repair, wait)).catch(tolerate);
  session.lookIntoSpool();
  if (!calm || answer === undefined) return;
  for (const difference of answer.differences)
    if (!isExplained(session, difference, { disturbed, waiting }))
      throw new Contradiction(`fsck finds ${difference.kind}: ${difference.detail}`);
  const open = answer.differences.filter((one) => !one.mended && !isFresh(session, one, begun));
  if (open.length > 0 && repair)
    throw new Contradiction(`fsck left ${open.length} open: ${JSON.stringify(open)}`);
  // What it calls right must be right: the judge looks next.
  if (answer.open === 0) session.disturbed = false;
}

/** The grace of one that is dead ended while it was mended: found by the last look alone, it is told and left to the next. */
const isFresh = (session: Session, { kind, detail }: Difference, begun: number): boolean =>
  kind === "container-gone" && deadOf(session, detail).some(({ since }) => since + GRACE > begun);

const deadOf = ({ model }: Session, detail: string): readonly Container[] =>
  [...model.containers.values()].filter(
    ({ key, diedAt }) => diedAt !== undefined && detail.startsWith(`${key} is gone`),
  );

/** What the model knows to be wrong; a plain fsck tells of it, and everything else would be a finding about us. */
function isExplained(
  session: Session,
  { kind, detail }: Difference,
  { disturbed, waiting }: { readonly disturbed: boolean; readonly waiting: boolean },
): boolean {
  switch (kind) {
    case "route-missing":
    case "route-unowned":
    case "neighbour-differs":
    case "neighbour-unowned":
      return disturbed;
    case "spool-waiting":
      return waiting;
    case "container-gone":
      return deadOf(session, detail).length > 0;
    default:
      return false;
  }
}

/** A commit that was refused stops it; a second call is refused while the first is under way. */
function tolerate(thrown: unknown): undefined {
  if (!(thrown instanceof BrokerError) || thrown.code !== "commit-failed") throw thrown;
}
