// Reads ledger, kernel, namespaces and files twice, and answers with the differences that both looks found.

import type { Ip, Mac } from "#core/address.ts";
import type { Moment } from "#core/attach.ts";
import { type Difference, isSame } from "#core/difference.ts";
import { addressOfGuest } from "#core/guest.ts";
import { isJudged, judgedFrom, rivalsOf } from "#core/judgement.ts";
import type { Ledger } from "#core/ledger.ts";
import type { Lease } from "#core/lease.ts";
import { mirrorEntries } from "#core/mirror.ts";
import type { Evidence, Inspection, Mirror, MirrorEntry, RouteTable } from "#core/ports.ts";
import type { Pool } from "#core/range.ts";
import { type Survey, compare } from "#core/survey.ts";
import { readMemory } from "./mirroring.ts";
import { type Against, findingsOf } from "./reconciler.ts";
import { pause } from "./task.ts";

/** Between the two looks, in milliseconds: longer than a call takes from its commit to its route. */
const SETTLE = 1_000;
/** The same where neighbours were asked: the kernel asks three times, a second apart. */
const ANSWER = 4_000;

/** What a survey reads of the spool; `broker/stores/spool.ts` implements it. */
export interface SpoolView {
  list(): Promise<readonly string[]>;
  leftovers(): Promise<{ readonly rejected: readonly string[]; readonly stale: readonly string[] }>;
}

export interface SurveyorOptions {
  readonly ledger: Ledger;
  readonly moment: () => Moment;
  readonly pool: Pool;
  readonly routes: Pick<RouteTable, "list">;
  readonly evidence: Evidence;
  readonly inspection: Inspection;
  readonly mirror: Pick<Mirror, "read">;
  readonly leaseFile: string;
  readonly spool: SpoolView;
  /** What pool.json says other than what is served, in words. */
  readonly poolFile: () => Promise<readonly string[]>;
  /** Brings leases.json up to date with what is known to have changed. */
  readonly settle: () => Promise<void>;
  readonly trouble: (what: string, error: Error) => void;
  /** Lets so many milliseconds pass between two looks; real time when absent. */
  readonly wait?: (milliseconds: number) => Promise<void>;
}

/** The differences, and the survey that the later look made. */
export interface Outcome {
  readonly differences: readonly Difference[];
  readonly survey: Survey;
}

interface Look extends Outcome {
  readonly against: ReadonlyMap<Ip, Against>;
}

/** Without a difference one look is enough; with one, another tells it from a call that was under way. */
export async function surveyTwice(options: SurveyorOptions): Promise<Outcome> {
  const first = await look(options, undefined);
  if (first.differences.length === 0) return first;
  const settle = first.against.size > 0 ? ANSWER : SETTLE;
  await (options.wait ?? inRealTime)(settle);
  const second = await look(options, first);
  const differences = second.differences.filter((one) =>
    first.differences.some((other) => isSame(one, other)),
  );
  return { differences, survey: second.survey };
}

const inRealTime = (milliseconds: number): Promise<void> =>
  pause(milliseconds, new AbortController().signal);

async function look(options: SurveyorOptions, before: Look | undefined): Promise<Look> {
  const { ledger, pool, spool } = options;
  await options.settle();
  const { now } = options.moment();
  const leases = [...ledger.leases()];
  const against = await evidenceAgainst(options, leases);
  const survey: Survey = {
    now,
    pool,
    leases,
    told: toldTo(ledger, pool, leases),
    routes: await options.routes.list(),
    neighbours: await options.inspection.neighbours(),
    inside: await options.inspection.inside(),
    gone: [...against.values()].filter((one) => before === undefined || lasted(one, before)),
    poolFile: await options.poolFile(),
    mirror: await readMirror(options, leases),
    spool: { waiting: await spool.list(), ...(await spool.leftovers()) },
  };
  return { differences: compare(survey), survey, against };
}

/** Whether the look before said the same of the same record, and nobody has answered for the address since. */
function lasted({ lease, answered }: Against, { against }: Look): boolean {
  const earlier = against.get(lease.ip);
  return earlier?.lease === lease && answered < earlier.asked;
}

async function evidenceAgainst(
  { evidence, moment, trouble }: SurveyorOptions,
  leases: readonly Lease[],
): Promise<ReadonlyMap<Ip, Against>> {
  const { now, bootId } = moment();
  const judged = leases.filter(isJudged);
  const old = judged.filter((lease) => judgedFrom(lease) <= now);
  const found = await findingsOf({ moment, evidence, trouble }, old, rivalsOf(judged, bootId));
  return new Map(found.map((one) => [one.lease.ip, one]));
}

function toldTo(
  ledger: Ledger,
  pool: Pool,
  leases: readonly Lease[],
): ReadonlyMap<Mac, Ip | undefined> {
  return new Map(
    leases.flatMap(({ state, owner }) =>
      state === "leased" && owner?.kind === "guest"
        ? [[owner.mac, addressOfGuest(ledger, pool, owner.mac)] as const]
        : [],
    ),
  );
}

/** A file that we wrote last says what it should: what changed since is on its way into it. */
async function readMirror(
  { mirror, ledger, leaseFile: path }: SurveyorOptions,
  leases: readonly Lease[],
): Promise<Survey["mirror"]> {
  const found = await mirror.read();
  const expected: readonly MirrorEntry[] = mirrorEntries(leases);
  if (found === undefined) return { path, found: undefined, expected };
  const ours = readMemory(ledger.meta("mirror")).digests.includes(found.digest);
  return ours ? { path, found: expected, expected } : { path, found: found.entries, expected };
}
