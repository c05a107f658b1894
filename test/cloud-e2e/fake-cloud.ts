// A fake cloud as a process of its own in a namespace, driven through its control socket.
import { join } from "node:path";
import { z } from "zod";
import { askSocket } from "#test/netns/broker.ts";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import type { Fault } from "#test/clouds/shared/fault-plan.ts";

/** Seconds for which the fake holds a question for changes that have not come yet. */
const CHANGES_WAIT_SECONDS = 5;

const callSchema = z.object({
  index: z.number(),
  action: z.string(),
  mutating: z.boolean(),
  outcome: z.string(),
  status: z.number().optional(),
});
const callsSchema = z.object({
  calls: z.array(callSchema),
  counts: z.record(z.string(), z.number()),
  unexpected: z.array(z.unknown()),
});
const changesSchema = z.array(z.object({ number: z.number(), change: z.unknown() }));

export type CloudCall = z.infer<typeof callSchema>;
export type NumberedChange = z.infer<typeof changesSchema>[number];

export type FakeCloud = AsyncDisposable & {
  /** Every call since the beginning, or since they were forgotten. */
  calls(): Promise<readonly CloudCall[]>;
  /** Names of the calls that changed something, in order: of those that the cloud carried out. */
  changingCalls(): Promise<readonly string[]>;
  /** What the caller did that the cloud does not document. */
  unexpected(): Promise<readonly unknown[]>;
  forgetCalls(): Promise<void>;
  fail(...faults: readonly Fault[]): Promise<void>;
  forgetFaults(): Promise<void>;
  /** Faults that have not happened. */
  pendingFaults(): Promise<readonly unknown[]>;
  /** Something that happens to the cloud without its caller. */
  change(request: object): Promise<void>;
  audit(): Promise<unknown>;
  /** Newer ones than this number; waits some seconds for the first. */
  changes(after: number): Promise<readonly NumberedChange[]>;
};

export type FakeCloudSetting = {
  namespace: NetworkNamespace;
  /** Of the test; the control socket is made in it. */
  folder: string;
  /** The fake's main file, and where it listens. */
  command: readonly string[];
};

/** Starts the fake and waits until it listens; disposing kills it. */
export async function startFakeCloud(setting: FakeCloudSetting): Promise<FakeCloud> {
  const socket = join(setting.folder, "control.sock");
  const process_ = setting.namespace.spawn([
    process.execPath,
    ...setting.command,
    "--control",
    socket,
  ]);
  await waitFor(() => saysItListens(process_), { what: "the fake cloud to listen" });
  const ask = async (method: string, path: string, body?: unknown): Promise<unknown> => {
    const answer = await askSocket(socket, method, path, body);
    if (answer.status === 200) return answer.body;
    throw new Error(`${method} ${path} of the fake cloud: ${JSON.stringify(answer.body)}`);
  };
  const log = async () => callsSchema.parse(await ask("GET", "/calls"));
  return {
    calls: async () => (await log()).calls,
    changingCalls: async () =>
      (await log()).calls
        .filter(({ mutating, outcome }) => mutating && outcome === "ok")
        .map(({ action }) => action),
    unexpected: async () => (await log()).unexpected,
    forgetCalls: async () => void (await ask("DELETE", "/calls")),
    fail: async (...faults) => void (await ask("POST", "/faults", faults)),
    forgetFaults: async () => void (await ask("DELETE", "/faults")),
    pendingFaults: async () => z.array(z.unknown()).parse(await ask("GET", "/faults")),
    change: async (request) => void (await ask("POST", "/state-change", request)),
    audit: () => ask("GET", "/audit"),
    changes: async (after) =>
      changesSchema.parse(await ask("GET", `/changes?after=${after}&wait=${CHANGES_WAIT_SECONDS}`)),
    [Symbol.asyncDispose]: () => process_[Symbol.asyncDispose](),
  };
}

function saysItListens(running: ReturnType<NetworkNamespace["spawn"]>): boolean {
  const ended = running.exit();
  if (ended !== undefined)
    throw new Error(`the fake cloud ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
  return running.stdout().includes("\n");
}
