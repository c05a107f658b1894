// Ends a test run with the plain line `N passed, N failed`, and fails a run in which a test was skipped.
import type { Reporter, TestModule } from "vitest/node";

/** Set by `make test` and .ci/run: there, a skipped test is a test that was not done. */
const SKIPPED_FAILS = process.env["COCOON_NET_TEST_SKIPPED_FAILS"] === "1";

type Tally = { passed: number; failed: number; skipped: string[] };

/** A vitest reporter; files that cannot be loaded and errors outside any test count as failures. */
export class SummaryReporter implements Reporter {
  onTestRunEnd: NonNullable<Reporter["onTestRunEnd"]> = (testModules, unhandledErrors, reason) => {
    const tally = count(testModules);
    const skippedFails = SKIPPED_FAILS && tally.skipped.length > 0;
    const failed =
      tally.failed + unhandledErrors.length + (skippedFails ? tally.skipped.length : 0);
    if (skippedFails) {
      process.exitCode = 1;
      for (const name of tally.skipped) {
        console.log(`skipped, which counts as failed: ${name}`);
      }
    }
    if (reason === "interrupted") {
      console.log("the run was interrupted: the count is of the tests that ended");
    }
    // Vitest's own reporters print at the end of the same event; the next turn is after all of them.
    setImmediate(() => console.log(`${tally.passed} passed, ${failed} failed`));
  };
}

function count(testModules: readonly TestModule[]): Tally {
  const tally: Tally = { passed: 0, failed: 0, skipped: [] };
  for (const testModule of testModules) {
    tally.failed += testModule.errors().length;
    for (const test of testModule.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") {
        tally.passed += 1;
      } else if (state === "failed") {
        tally.failed += 1;
      } else {
        tally.skipped.push(`${testModule.relativeModuleId} > ${test.fullName}`);
      }
    }
  }
  return tally;
}
