// Which tests run how: unit tests side by side, system tests (namespaces, runtimes, guests) one file at a time in each of two
// lanes. test/setup/test.sh runs the lanes beside each other, each with processes, mounts and namespaces of its own.
import { defineConfig } from "vitest/config";
import { SummaryReporter } from "#test/setup/summary-reporter.ts";

/**
 * Folders of tests that change namespaces, disks or processes, of their own alone; they need root and Linux. The lanes are
 * about equally long.
 */
const LANES = {
  "lane-one": ["cloud-e2e", "conformance", "contract", "crash", "linux", "packaging", "stores"],
  "lane-two": [
    "durability",
    "e2e",
    "faults",
    "fuzz",
    "go-version",
    "netns",
    "skew",
    "system",
    "torture",
  ],
} as const;
/** Folders of tests that look at the whole machine, or count what the processor does: nothing may run beside them. */
const ALONE_FOLDERS = ["bench", "containerd", "demo", "vm"];
/** Folders of tests that take longer than the whole of `make test` may; `make test-full` runs them. */
const LONG_FOLDERS = ["long"];

const UNIT_LIMIT_MS = 30_000;
const SYSTEM_LIMIT_MS = 120_000;
const LONG_LIMIT_MS = 3_600_000;

const everyTestOf = (folders: readonly string[]): string[] =>
  folders.map((folder) => `test/${folder}/**/*.test.ts`);

/** Tests of which one file runs at a time. */
function oneByOne(
  name: string,
  folders: readonly string[],
  setting: { readonly limit: number; readonly order: number },
) {
  return {
    test: {
      name,
      include: everyTestOf(folders),
      globalSetup: ["./test/setup/real-machine.ts"],
      pool: "forks" as const,
      fileParallelism: false,
      testTimeout: setting.limit,
      hookTimeout: setting.limit,
      sequence: { groupOrder: setting.order },
    },
  };
}

export default defineConfig({
  test: {
    reporters: ["default", new SummaryReporter()],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: everyTestOf([...Object.values(LANES).flat(), ...ALONE_FOLDERS, ...LONG_FOLDERS]),
          pool: "threads",
          testTimeout: UNIT_LIMIT_MS,
          sequence: { groupOrder: 0 },
        },
      },
      oneByOne("lane-one", LANES["lane-one"], { limit: SYSTEM_LIMIT_MS, order: 1 }),
      oneByOne("lane-two", LANES["lane-two"], { limit: SYSTEM_LIMIT_MS, order: 2 }),
      oneByOne("alone", ALONE_FOLDERS, { limit: SYSTEM_LIMIT_MS, order: 3 }),
      oneByOne("long", LONG_FOLDERS, { limit: LONG_LIMIT_MS, order: 4 }),
    ],
  },
});
