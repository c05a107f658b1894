// Detaches and deletes interfaces, each only after looking whenever an answer left doubt.

import { BrokerError } from "#core/errors.ts";
import type { Run, StepOutcome } from "#provision/cloud.ts";
import { deleteInterface, detachInterface } from "./actions.ts";
import type { Api } from "./api.ts";
import { awaited, lookAtInterface, statusOf } from "./converge.ts";
import { isFault } from "./fault.ts";
import type { SeenInterface } from "./seen.ts";
import { ATTACH, DELETE, STALE_MS } from "./waiting.ts";
import type { WorkOf } from "./work.ts";

const done: StepOutcome = { kind: "done", notes: {} };

export async function detach(api: Api, work: WorkOf<"detach-eni">, run: Run): Promise<StepOutcome> {
  const { eniID, instance } = work;
  const ask = () =>
    accepted(
      api.call(detachInterface, { NetworkInterfaceId: eniID, InstanceId: instance }, run.signal),
    );
  let [asked, at] = [await ask(), 0];
  await awaited<SeenInterface | undefined, true>({
    api,
    run,
    patience: ATTACH,
    what: `interface ${eniID} to be detached`,
    look: () => lookAtInterface(api, eniID, run.signal),
    decide: async (seen, waited) => {
      if (seen === undefined || (seen.status === "Available" && seen.instance === "")) return true;
      if (seen.instance !== "" && seen.instance !== instance) throw movedAway(seen);
      const again = !asked || waited - at > STALE_MS;
      if (seen.status === "InUse" && again) [asked, at] = [await ask(), waited];
      return undefined;
    },
    say: statusOf,
  });
  return done;
}

export async function remove(api: Api, work: WorkOf<"delete-eni">, run: Run): Promise<StepOutcome> {
  await deleteUnattached(api, work.eniID, run);
  return done;
}

/** The API itself refuses what is attached; what became so meanwhile stays, with an error. */
export async function deleteUnattached(api: Api, eniID: string, run: Run): Promise<void> {
  const before = await lookAtInterface(api, eniID, run.signal);
  if (before === undefined || before.status === "Deleting") return;
  if (before.instance !== "" && before.status !== "Detaching") throw movedAway(before);
  const ask = () => accepted(api.call(deleteInterface, { NetworkInterfaceId: eniID }, run.signal));
  let [asked, at] = [await ask(), 0];
  await awaited<SeenInterface | undefined, true>({
    api,
    run,
    patience: DELETE,
    what: `interface ${eniID} to be deleted`,
    look: () => lookAtInterface(api, eniID, run.signal),
    decide: async (seen, waited) => {
      if (seen === undefined || seen.status === "Deleting") return true;
      if (seen.instance !== "" && seen.status === "InUse") throw movedAway(seen);
      const again = !asked || waited - at > STALE_MS;
      if (seen.status === "Available" && again) [asked, at] = [await ask(), waited];
      return undefined;
    },
    say: statusOf,
  });
}

/** Whether the request was taken; false leaves it to the next look. */
async function accepted(call: Promise<unknown>): Promise<boolean> {
  try {
    await call;
    return true;
  } catch (thrown) {
    if (isFault(thrown, "gone", "elsewhere")) return true;
    if (isFault(thrown, "uncertain", "busy")) return false;
    throw thrown;
  }
}

const movedAway = ({ id, instance }: SeenInterface): BrokerError =>
  new BrokerError("cloud-conflict", `interface ${id} is attached to ${instance} now`, {
    hint: "it is left alone: detach it there if it should go, then run the command again",
  });
