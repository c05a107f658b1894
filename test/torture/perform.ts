// Carries out one operation after the other on a session, and has every step judged.

import { BrokerError } from "#core/errors.ts";
import * as containers from "./containers.ts";
import { add, lateAdd } from "./container-add.ts";
import type { Setting } from "./container-call.ts";
import { fsck } from "./fsck.ts";
import * as guests from "./guests.ts";
import type { Began } from "./model.ts";
import { type Operation, type Simple, type Together, isTogether } from "./operation.ts";
import { Contradiction, judgeSettled } from "./oracle.ts";
import { Died, type Session } from "./session.ts";

const DAY = 86_400_000;
/** Every operation takes a moment. */
const STEP = 40;
/** Rounds of a settlement: a first look, a second that confirms, and one to spare; each longer than every grace. */
const ROUNDS = 3;
const ROUND = 200_000;
/** Longer than tombstones and cooling. */
const REST = 1_200_000;

export async function perform(session: Session, operation: Operation): Promise<void> {
  session.pass(STEP);
  session.model.tidy();
  if (isTogether(operation)) await together(session, operation);
  else
    await survive(session, () =>
      one({ session, alone: true, tell: (_began, told) => told() }, operation),
    );
  await survive(session, () => session.alive(session.broker.rest()));
  session.judge();
}

/** A point that was armed for a start may be met later: then, too, the next broker takes over. */
async function survive(session: Session, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if (!(thrown instanceof Died)) throw thrown;
    await session.restart({ at: 0, power: false, released: [] }, () => undefined);
  }
}

async function together(session: Session, { parts, kill }: Together): Promise<void> {
  const told: { readonly began: Began; readonly told: () => void }[] = [];
  const setting: Setting = {
    session,
    alone: false,
    tell: (began, what) => void told.push({ began, told: what }),
  };
  if (typeof kill?.at === "string") session.fate.at = kill.at;
  const working = distinct(parts).map((part) => one(setting, part));
  if (typeof kill?.at === "number") await dieAfter(session, kill.at);
  const ends = await Promise.allSettled(working);
  told.sort((left, right) => Number(left.began.number - right.began.number));
  for (const { told: tellModel } of told) tellModel();
  const failed = ends.find((end) => end.status === "rejected" && !(end.reason instanceof Died));
  if (failed?.status === "rejected") throw failed.reason;
  if (kill === undefined) return;
  // What was not met on the way is met now: the broker dies between two calls.
  session.broker.die("at rest");
  session.counts.killed += parts.length + kill.released.length;
  await session.restart(kill, (slot) => containers.spoolRelease(session, slot));
}

async function dieAfter(session: Session, turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((done) => setImmediate(done));
  session.broker.die("at a random instant");
}

/** One thing at a time for each guest and each interface, but for ADD and DEL, whose race is the point. */
function distinct(parts: readonly Simple[]): readonly Simple[] {
  const seen = new Set<string>();
  return parts.filter((part) => {
    const key =
      "guest" in part
        ? `guest ${part.guest}`
        : "slot" in part
          ? `${part.op} ${part.slot}`
          : part.op;
    if (seen.has(key)) return false;
    seen.add(key);
    if (part.op === "release" && part.spoofed) seen.add(`guest ${part.guest + 1}`);
    return true;
  });
}

function one(setting: Setting, operation: Simple): Promise<void> {
  const { counts } = setting.session;
  counts.operations += 1;
  const name = nameOf(operation);
  counts.byOperation.set(name, (counts.byOperation.get(name) ?? 0) + 1);
  switch (operation.op) {
    case "add":
      return add(setting, operation);
    case "late-add":
      return lateAdd(setting, operation);
    case "del":
      return containers.del(setting, operation);
    case "check":
      return containers.check(setting, operation);
    case "gc":
      return containers.collect(setting, operation);
    case "forget":
      return containers.forget(setting, operation);
    case "boot":
      return guests.boot(setting, operation);
    case "renew":
      return guests.renew(setting, operation);
    case "release":
      return guests.release(setting, operation);
    case "decline":
      return guests.decline(setting, operation);
    default:
      return around(setting, operation);
  }
}

/** How the report calls it: what differs much has names of its own. */
function nameOf(operation: Simple): string {
  switch (operation.op) {
    case "fsck":
      return operation.repair ? "fsck --repair" : "fsck";
    case "bridge":
      return operation.how === "back" ? "bridge back" : `netlink loss: ${operation.how}`;
    case "step-clock": {
      const by = Math.abs(operation.milliseconds) >= DAY ? "a day" : "less than a day";
      return `step-clock ${operation.milliseconds < 0 ? "back" : "forth"} ${by}`;
    }
    default:
      return operation.op;
  }
}

type Around = Exclude<
  Simple,
  {
    op:
      | "add"
      | "late-add"
      | "del"
      | "check"
      | "gc"
      | "forget"
      | "boot"
      | "renew"
      | "release"
      | "decline";
  }
>;

/** What happens to the machine, and what the broker does by itself. */
async function around(setting: Setting, operation: Around): Promise<void> {
  const { session } = setting;
  const { broker, machine, fate } = session;
  switch (operation.op) {
    case "die":
      return session.endPod(operation.slot);
    case "pass":
      session.pass(operation.milliseconds);
      await session.alive(broker.sweep());
      if (!setting.alone) return;
      return session.disturbed ? session.resync() : undefined;
    case "look":
      return look(setting, operation.between);
    case "fsck":
      return fsck(setting, { ...operation, between: distinct(operation.between) }, one);
    case "mirror":
      return session.alive(broker.mirror()).catch(tolerate);
    case "drain":
      return drain(session);
    case "bridge":
      return disturb(session, operation.how);
    case "refuse-commits":
      fate.refusingCommits = operation.count;
      session.disturbed = true;
      return;
    case "refuse-routes":
      machine.kernel.refusing = operation.count;
      session.disturbed = true;
      return;
    case "step-clock":
      machine.stepClock(operation.milliseconds);
      // The broker of now does not notice; the next one begins with it.
      session.model.clockStepped(operation.milliseconds);
      return;
    case "settle":
      return settle(session);
    default:
      return operation satisfies never;
  }
}

/** What a refused commit stops by itself is tried again by itself. */
function tolerate(thrown: unknown): void {
  if (!(thrown instanceof BrokerError) || thrown.code !== "commit-failed") throw thrown;
}

async function look(setting: Setting, between: readonly Simple[]): Promise<void> {
  const { session } = setting;
  let due = [...distinct(between)];
  session.machine.duringScan = async () => {
    const now = due;
    due = [];
    for (const operation of now) await one({ ...setting, alone: false }, operation);
  };
  try {
    await session.alive(session.broker.look()).catch(tolerate);
  } finally {
    session.machine.duringScan = () => Promise.resolve();
  }
}

async function drain(session: Session): Promise<void> {
  if (session.fate.refusingCommits > 0) return;
  await session.alive(session.broker.drain());
  session.applySpool();
}

function disturb(session: Session, how: "lost" | "back" | "flushed" | "stray"): void {
  const { kernel } = session.machine;
  session.disturbed = true;
  if (how === "lost") {
    kernel.lost = true;
    kernel.wipe();
  } else if (how === "back") kernel.lost = false;
  else if (how === "flushed") kernel.wipe();
  else {
    const stray = session.addresses[0];
    if (stray !== undefined && !kernel.lost) kernel.routes.add(stray);
  }
}

async function settle(session: Session): Promise<void> {
  const { fate, machine, broker } = session;
  fate.refusingCommits = 0;
  machine.kernel.refusing = 0;
  machine.kernel.lost = false;
  await drain(session);
  session.judge();
  for (let round = 0; round < ROUNDS; round += 1) {
    session.pass(ROUND);
    await session.alive(broker.sweep());
    await session.alive(broker.look());
    session.judge();
  }
  session.pass(REST);
  await session.alive(broker.sweep());
  await session.resync();
  if (session.disturbed) throw new Contradiction("routes and neighbours could not be put right");
  await session.alive(broker.mirror());
  session.judge();
  session.model.tidy();
  judgeSettled(session.scene());
}
