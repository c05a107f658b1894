// What the commands print as JSON, as far as these tests look at it.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { CloudNode } from "./cloud-node.ts";

const step = z.object({
  action: z.string(),
  target: z.string(),
  detail: z.string(),
  changes: z.optional(z.array(z.string())),
});
const plan = z.object({ dryRun: z.boolean(), steps: z.array(step) });
const cloudSide = z.object({
  cloud: z.object({
    platform: z.string(),
    state: z.string(),
    degraded: z.array(z.string()),
    differences: z.array(z.object({ what: z.string(), recorded: z.string(), found: z.string() })),
    unread: z.optional(z.string()),
  }),
});
const pool = z.object({
  subnet: z.string(),
  ips: z.array(z.string()),
  eniIDs: z.array(z.string()),
  provisioning: z.object({
    state: z.string(),
    attachments: z.array(
      z.object({ eniID: z.string(), mac: z.string(), nic: z.string(), ips: z.array(z.string()) }),
    ),
    degraded: z.array(z.string()),
  }),
});

export type PlannedStep = z.infer<typeof step>;
export type RecordedPool = z.infer<typeof pool>;

export const stepsOf = (output: string): readonly PlannedStep[] =>
  plan.parse(JSON.parse(output)).steps;
/** Names of the calls that the plan says it makes, in order. */
export const changesOf = (steps: readonly PlannedStep[]): readonly string[] =>
  steps.flatMap(({ changes = [] }) => changes);
export const cloudSideOf = (output: string) => cloudSide.parse(JSON.parse(output)).cloud;

export const poolPath = ({ paths }: CloudNode): string => join(paths.state, "pool.json");
export const readPool = async (node: CloudNode): Promise<RecordedPool> =>
  pool.parse(JSON.parse(await readFile(poolPath(node), "utf8")));
