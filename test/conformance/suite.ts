// The conformance suite of one subject: every case that is driven from outside, each with a state of its own.

import { describe, expect, test } from "vitest";
import { cases } from "./cases.ts";
import { createDriver } from "./driver.ts";
import type { CaseRun, Subject } from "./subject.ts";

/** Longest case: some twenty plugin runs for a row, on a busy machine. */
const CASE_DEADLINE_MS = 60_000;

/** `eachVersion`: the versions for cases that are run for each; all of the subject's when absent. */
export function conformanceSuite(
  subject: Subject,
  { eachVersion: versions = subject.versions }: { readonly eachVersion?: readonly string[] } = {},
): void {
  const newest = subject.versions.at(-1) ?? "";

  async function drive(version: string, run: CaseRun): Promise<void> {
    await using sandbox = await subject.fresh();
    await run(createDriver(subject, sandbox, version));
  }

  describe(subject.name, () => {
    for (const { id, title, eachVersion, run } of cases) {
      const departure = subject.departures[id];
      const chosen = departure === undefined ? run : departure.run;
      if (chosen === undefined) continue;
      for (const version of eachVersion === true ? versions : [newest]) {
        test(`${id} ${title} (${version})`, () => drive(version, chosen), CASE_DEADLINE_MS);
      }
    }

    test("speaks exactly the versions it is held to", async () => {
      await drive(newest, async (driver) => {
        const { stdout } = await driver.run("VERSION", "");
        expect(JSON.parse(stdout)).toMatchObject({ supportedVersions: subject.versions });
      });
    });
  });
}
