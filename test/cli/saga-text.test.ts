// What a person sees of a plan's steps while they are made: place, progress, outcome and time of each.

import { expect, test } from "vitest";
import type { CloudStep } from "#provision/cloud.ts";
import { reportTo } from "#cli/saga-text.ts";
import { createTerminal } from "#cli/terminal.ts";

const step: CloudStep = {
  id: "make-eni/1",
  action: "make",
  target: "interface cocoon-n1-1",
  detail: "with 20 addresses",
  changes: ["CreateNetworkInterface"],
  reads: [],
};

test("each step tells that it began, what it waits for, and how long it took", () => {
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text) };
  const report = reportTo(createTerminal({ write: () => true }, stream, true));
  report.began(step, 1, 2);
  report.waiting(step, "status Creating");
  report.waiting(step, "status Creating");
  report.waiting(step, "status Attaching");
  report.ended(step, 1_240, "done", "");
  report.began(step, 2, 2);
  report.ended(step, 60_000, "short", "quota of interfaces; ask for more");
  expect(lines).toEqual([
    "[1/2] make interface cocoon-n1-1\n",
    "[1/2]   status Creating\n",
    "[1/2]   status Attaching\n",
    "[1/2] done after 1.2 s\n",
    "[2/2] make interface cocoon-n1-1\n",
    "[2/2] short after 60.0 s: quota of interfaces; ask for more\n",
  ]);
});
