// Which tests run how: unit tests side by side, system tests (namespaces, runtimes, guests) one file at a time.
import { defineConfig } from "vitest/config";
import { SummaryReporter } from "#test/setup/summary-reporter.ts";

/** Folders of tests that change namespaces, disks or processes; they need root and Linux. */
const SYSTEM_FOLDERS = [
  "bench",
  "cloud-e2e",
  "conformance",
  "containerd",
  "contract",
  "crash",
  "demo",
  "durability",
  "e2e",
  "faults",
  "fuzz",
  "go-version",
  "linux",
  "netns",
  "packaging",
  "skew",
  "stores",
  "system",
  "torture",
  "vm",
];
/** Folders of tests that take longer than the whole of `make test` may; `make test-full` runs them. */
const LONG_FOLDERS = ["long"];

const UNIT_LIMIT_MS = 30_000;
const SYSTEM_LIMIT_MS = 120_000;
const LONG_LIMIT_MS = 3_600_000;

const everyTestOf = (folders: readonly string[]): string[] =>
  folders.map((folder) => `test/${folder}/**/*.test.ts`);

export default defineConfig({
  test: {
    reporters: ["default", new SummaryReporter()],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: everyTestOf([...SYSTEM_FOLDERS, ...LONG_FOLDERS]),
          pool: "threads",
          testTimeout: UNIT_LIMIT_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "system",
          include: everyTestOf(SYSTEM_FOLDERS),
          globalSetup: ["./test/setup/real-machine.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: SYSTEM_LIMIT_MS,
          hookTimeout: SYSTEM_LIMIT_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "long",
          include: everyTestOf(LONG_FOLDERS),
          globalSetup: ["./test/setup/real-machine.ts"],
          pool: "forks",
          fileParallelism: false,
          testTimeout: LONG_LIMIT_MS,
          hookTimeout: LONG_LIMIT_MS,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
