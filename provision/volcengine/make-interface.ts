// Makes an interface with its addresses, attaches it, and adds addresses to one that lacks some.

import { BrokerError } from "#core/errors.ts";
import type { Run, StepOutcome } from "#provision/cloud.ts";
import {
  assignAddresses,
  attachInterface,
  createInterface,
  describeInterfaces,
} from "./actions.ts";
import type { Api } from "./api.ts";
import { awaited, lookAtInterface, statusOf } from "./converge.ts";
import { isDefinite, isFault, isSubnetGone } from "./fault.ts";
import type { Host } from "./host.ts";
import { slotFiles } from "./keep-away.ts";
import { shortOf } from "./outcome.ts";
import { deleteUnattached } from "./remove-interface.ts";
import { type SeenInterface, interfaceOf, isTagged } from "./seen.ts";
import { ASSIGN, ATTACH, CREATE, STALE_MS, VPC_TURN, pause, waiting } from "./waiting.ts";
import type { WorkOf } from "./work.ts";

/** States in which a made interface can be used by the next step. */
const made = new Set(["Available", "Attaching", "InUse"]);

export async function makeInterface(
  api: Api,
  work: WorkOf<"create-eni">,
  run: Run,
): Promise<StepOutcome> {
  const known = run.before["eniID"];
  let eniID = typeof known === "string" ? known : undefined;
  let lost = false;
  for (;;) {
    if (eniID === undefined) {
      const asked = await requestInterface(api, work, run, lost);
      if (typeof asked !== "string") return asked;
      eniID = asked;
      await run.note({ eniID });
    }
    const found = await interfaceMade(api, eniID, work.name, run);
    if (found !== undefined) return { kind: "done", notes: { eniID, mac: found.mac } };
    // Somebody deleted it, and the token would bring its ID back: ask anew, once.
    if (lost) throw vanished(work.name, eniID);
    lost = true;
    eniID = undefined;
    await run.renewToken();
  }
}

/** Its ID, or why there is none. `doubt`: something may have been made before, which a refusal does not undo. */
async function requestInterface(
  api: Api,
  work: WorkOf<"create-eni">,
  run: Run,
  doubt: boolean,
): Promise<string | StepOutcome> {
  const subnetID = work.subnetID ?? textOf(run.result("create-subnet")?.["subnetID"]);
  const state = waiting(VPC_TURN);
  let open = doubt;
  for (;;)
    try {
      const { NetworkInterfaceId } = await api.call(
        createInterface,
        {
          SubnetId: subnetID,
          SecurityGroupIds: work.groups,
          NetworkInterfaceName: work.name,
          Description: `guests of node ${work.nodeName}, made by cocoon-net`,
          SecondaryPrivateIpAddressCount: work.addresses,
          PortSecurityEnabled: false,
          Tags: work.tags,
          ClientToken: run.token,
        },
        run.signal,
      );
      return NetworkInterfaceId;
    } catch (thrown) {
      open ||= !isDefinite(thrown);
      if (isFault(thrown, "token-reused")) {
        // An earlier run asked with other parameters: take what it made, if it made something.
        const earlier = await interfaceNamed(api, subnetID, work, run);
        if (earlier !== undefined) return earlier.id;
        await run.renewToken();
      }
      const passing = isFault(thrown, "busy", "token-reused") || isSubnetGone(thrown);
      if (passing && (await pause(state, api.timing, run.signal))) continue;
      if (!open) await run.refused();
      if (isFault(thrown, "limit")) return shortOf(thrown);
      throw thrown;
    }
}

async function interfaceNamed(
  api: Api,
  subnetID: string,
  { name, nodeName }: WorkOf<"create-eni">,
  run: Run,
): Promise<SeenInterface | undefined> {
  const filter = { SubnetId: subnetID, NetworkInterfaceName: name, PageSize: 100 };
  const answer = await api.call(describeInterfaces, filter, run.signal);
  return answer.NetworkInterfaceSets.map(interfaceOf).find(
    (one) => one.name === name && isTagged(one.tags, nodeName) && one.instance === "",
  );
}

/** `undefined`: it cannot be seen although answers are no longer stale. */
async function interfaceMade(
  api: Api,
  eniID: string,
  name: string,
  run: Run,
): Promise<SeenInterface | undefined> {
  const result = await awaited<SeenInterface | undefined, { found: SeenInterface | undefined }>({
    api,
    run,
    patience: CREATE,
    what: `interface ${name} to be made`,
    look: () => lookAtInterface(api, eniID, run.signal),
    decide: (seen, waited) => {
      if (seen === undefined) return waited > STALE_MS ? { found: undefined } : undefined;
      return made.has(seen.status) ? { found: seen } : undefined;
    },
    say: statusOf,
  });
  return result.found;
}

export async function attach(
  api: Api,
  host: Host,
  work: WorkOf<"attach-eni">,
  run: Run,
): Promise<StepOutcome> {
  const { instance, slot } = work;
  const eniID = work.eniID ?? textOf(run.result(`create-eni/${slot}`)?.["eniID"]);
  const ask = async (): Promise<"accepted" | "open"> => {
    try {
      const wanted = { NetworkInterfaceId: eniID, InstanceId: instance, DeleteOnTermination: true };
      await api.call(attachInterface, wanted, run.signal);
      return "accepted";
    } catch (thrown) {
      if (isFault(thrown, "uncertain", "busy", "gone")) return "open";
      throw thrown;
    }
  };
  try {
    let [asked, at] = [await ask(), 0];
    return await awaited<SeenInterface | undefined, StepOutcome>({
      api,
      run,
      patience: ATTACH,
      what: `interface ${eniID} to be attached`,
      look: () => lookAtInterface(api, eniID, run.signal),
      decide: async (seen, waited) => {
        if (seen === undefined) return undefined;
        if (seen.instance !== "" && seen.instance !== instance) throw takenAway(seen);
        if (seen.status === "InUse") return { kind: "done", notes: { eniID, mac: seen.mac } };
        // A stale answer shows it as it was: ask again only when that can no longer be the reason.
        const again = asked === "open" || waited - at > STALE_MS;
        if (seen.status === "Available" && again) [asked, at] = [await ask(), waited];
        return undefined;
      },
      say: statusOf,
    });
  } catch (thrown) {
    if (!isFault(thrown, "limit")) throw thrown;
    await undo(api, host, eniID, slot, run);
    return shortOf(thrown);
  }
}

/** An interface that cannot be attached would only eat addresses. */
async function undo(api: Api, host: Host, eniID: string, slot: number, run: Run): Promise<void> {
  run.progress(`deleting ${eniID} again: the instance takes no more`);
  await deleteUnattached(api, eniID, run);
  await run.note({ deleted: eniID });
  for (const path of await slotFiles(host, slot)) await host.remove(path);
}

export async function assign(api: Api, work: WorkOf<"assign">, run: Run): Promise<StepOutcome> {
  const { eniID, addresses } = work;
  const state = waiting(ASSIGN);
  for (;;) {
    const before = await lookAtInterface(api, eniID, run.signal);
    const lacking = addresses - (before?.ips.length ?? 0);
    if (lacking <= 0) return { kind: "done", notes: { eniID } };
    try {
      await api.call(
        assignAddresses,
        {
          NetworkInterfaceId: eniID,
          SecondaryPrivateIpAddressCount: lacking,
          ClientToken: run.token,
        },
        run.signal,
      );
      break;
    } catch (thrown) {
      if (isFault(thrown, "limit")) return shortOf(thrown);
      if (isFault(thrown, "token-reused")) await run.renewToken();
      else if (!isFault(thrown, "busy", "gone")) throw thrown;
      if (!(await pause(state, api.timing, run.signal))) throw thrown;
    }
  }
  // What the answer lists may be all addresses or the new ones: only the interface itself tells.
  await awaited({
    api,
    run,
    patience: ASSIGN,
    what: `${addresses} addresses on ${eniID}`,
    look: () => lookAtInterface(api, eniID, run.signal),
    decide: (seen) => ((seen?.ips.length ?? 0) >= addresses ? true : undefined),
    say: (seen) => `${seen?.ips.length ?? 0} there`,
  });
  return { kind: "done", notes: { eniID } };
}

export const textOf = (value: string | readonly string[] | undefined): string => {
  if (typeof value === "string") return value;
  throw new BrokerError(
    "internal",
    "the journal lacks what an earlier step of this plan has made",
    {
      hint: "run the command again",
    },
  );
};

const vanished = (name: string, id: string): BrokerError =>
  new BrokerError("cloud-conflict", `interface ${name} (${id}) disappeared after it was made`, {
    hint: "see who else deletes interfaces in this account, then run the command again",
  });

const takenAway = ({ id, instance }: SeenInterface): BrokerError =>
  new BrokerError("cloud-conflict", `interface ${id} was attached to ${instance} meanwhile`, {
    hint: "is this node's name used twice? detach it there, then run the command again",
  });
