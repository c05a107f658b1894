// fsck while the broker runs: what differs from the ledger, and mending it through the writer.

import type { Ip } from "#core/address.ts";
import type { Judged } from "#core/detach.ts";
import { type Difference, differenceKinds, isMendable, isSame } from "#core/difference.ts";
import { BrokerError } from "#core/errors.ts";
import { decideRecover } from "#core/intake.ts";
import type { RouteTable } from "#core/ports.ts";
import type { FsckAnswer } from "#broker/api/contract.ts";
import { endAll } from "./ending.ts";
import type { Leasing } from "./leasing.ts";
import type { Mirroring } from "./mirroring.ts";
import { resyncRoutes } from "./resync.ts";
import type { Spooler } from "./spooler.ts";
import { type Outcome, type SurveyorOptions, surveyTwice } from "./surveyor.ts";

/** Differences that one answer carries; `total` counts all. */
const TOLD_LIMIT = 4_096;

export interface FsckOptions extends Omit<SurveyorOptions, "ledger" | "moment" | "settle"> {
  readonly leasing: Leasing;
  readonly routes: RouteTable;
  readonly mirroring: Mirroring;
  readonly spooler: Pick<Spooler, "drain">;
  readonly spool: SurveyorOptions["spool"] & { remove(name: string): Promise<void> };
}

export type Fsck = (repair: boolean) => Promise<FsckAnswer>;

/** One at a time: a second call is refused with `overloaded` while the first is under way. */
export function createFsck(options: FsckOptions): Fsck {
  const { leasing } = options;
  const surveying: SurveyorOptions = {
    ...options,
    ledger: leasing.ledger,
    moment: () => leasing.moment(),
    settle: () => options.mirroring.flush(),
  };
  let running = false;
  return async (repair) => {
    if (running)
      throw new BrokerError("overloaded", "another fsck is under way", {
        hint: "wait until it has ended, then run it again",
      });
    running = true;
    try {
      const found = await surveyTwice(surveying);
      if (!repair || !found.differences.some(isMendable)) return answerOf(found, repair);
      await mend(options, found);
      const { differences: left } = await surveyTwice(surveying);
      return answerOf(found, repair, left);
    } finally {
      running = false;
    }
  };
}

/** Without `left` nothing was mended. */
export function answerOf(
  { differences, survey }: Outcome,
  repair: boolean,
  left: readonly Difference[] = differences,
): FsckAnswer {
  // What the mending itself brought to light counts as well.
  const fresh = left.filter((one) => !differences.some((other) => isSame(one, other)));
  const all = [...differences, ...fresh];
  const mended = (one: Difference) => !left.some((other) => isSame(one, other));
  return {
    repair,
    total: all.length,
    open: all.filter((one) => !mended(one)).length,
    differences: all.slice(0, TOLD_LIMIT).map((one) => ({
      kind: one.kind,
      about: one.about,
      detail: one.detail,
      ...differenceKinds[one.kind],
      mended: mended(one),
    })),
    compared: {
      leases: survey.leases.length,
      routes: survey.routes.length,
      neighbours: survey.neighbours.length,
      namespaces: new Set(survey.inside.map(({ namespace }) => namespace)).size,
    },
  };
}

/** Each part goes on though another fails: what could not be mended is found again, and why is in the log. */
async function mend(options: FsckOptions, { differences, survey }: Outcome): Promise<void> {
  const about = (...kinds: readonly Difference["kind"][]) =>
    differences.filter(({ kind }) => kinds.includes(kind));
  const steps: Readonly<Record<string, () => Promise<unknown>>> = {
    spool: () => options.spooler.drain(),
    leftovers: () => removeAll(options, about("spool-rejected", "spool-unfinished")),
    "addresses in use": () => record(options, about("address-unrecorded")),
    leases: () => release(options, [...about("container-gone", "dhcp-differs")], survey),
    routes: () => resyncRoutes(options.leasing.ledger, options.routes),
    neighbours: () => dropNeighbours(options, about("neighbour-unowned")),
    "leases.json": async () => {
      if (about("mirror-differs").length > 0) options.mirroring.renew();
      await options.mirroring.flush();
    },
  };
  for (const [what, step] of Object.entries(steps)) {
    try {
      await step();
    } catch (thrown) {
      options.trouble(
        `mending ${what}`,
        thrown instanceof Error ? thrown : new Error(String(thrown)),
      );
    }
  }
}

async function removeAll({ spool }: FsckOptions, left: readonly Difference[]): Promise<void> {
  for (const { about } of left) await spool.remove(about);
}

const addressesOf = (differences: readonly Difference[]): readonly Ip[] =>
  differences.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));

async function record({ leasing, pool }: FsckOptions, found: readonly Difference[]): Promise<void> {
  const sightings = addressesOf(found).map((ip) => ({ ip, evidence: "namespace" }));
  if (sightings.length > 0)
    await leasing.submit("RECOVER", (ledger, moment) =>
      decideRecover(ledger, pool, sightings, moment, true),
    );
}

/** Only the very records that were judged: whoever was given the address since, or confirmed, keeps it. */
async function release(
  { leasing }: FsckOptions,
  differences: readonly Difference[],
  { leases, gone }: Outcome["survey"],
): Promise<void> {
  const judged = new Map(leases.map((lease) => [lease.ip, lease]));
  const findings = new Map(gone.map(({ lease, finding }) => [lease.ip, finding]));
  const due = addressesOf(differences).flatMap((ip): readonly Judged[] => {
    const lease = judged.get(ip);
    const finding = findings.get(ip);
    if (lease === undefined) return [];
    return [finding === undefined ? { lease } : { lease, finding }];
  });
  await endAll(leasing, due);
}

async function dropNeighbours(
  { leasing, routes }: FsckOptions,
  unowned: readonly Difference[],
): Promise<void> {
  const free = addressesOf(unowned).filter((ip) => leasing.ledger.lease(ip)?.state !== "leased");
  await routes.apply(free.map((ip) => ({ op: "delete", ip })));
}
