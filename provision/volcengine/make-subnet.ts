// Makes the node's subnet, deletes it, and opens a security group; one VPC does one such thing at a time.

import { BrokerError } from "#core/errors.ts";
import type { Run, StepOutcome } from "#provision/cloud.ts";
import {
  type SubnetAnswer,
  authorizeIngress,
  createSubnet,
  deleteSubnet,
  describeInterfaces,
  describeSecurityGroup,
} from "./actions.ts";
import type { Api } from "./api.ts";
import { awaited, lookAtSubnet } from "./converge.ts";
import { isDefinite, isFault } from "./fault.ts";
import { short } from "./outcome.ts";
import { DELETE_SUBNET, STALE_MS, SUBNET, VPC_TURN, pause, waiting } from "./waiting.ts";
import type { WorkOf } from "./work.ts";

export async function makeSubnet(
  api: Api,
  work: WorkOf<"create-subnet">,
  run: Run,
): Promise<StepOutcome> {
  const known = run.before["subnetID"];
  let subnetID = typeof known === "string" ? known : undefined;
  let lost = false;
  for (;;) {
    subnetID ??= await requestSubnet(api, work, run, lost);
    await run.note({ subnetID });
    if (await isAvailable(api, subnetID, run)) return { kind: "done", notes: { subnetID } };
    // Somebody deleted it, and the token would bring its ID back: ask anew, once.
    if (lost) throw vanished(subnetID);
    lost = true;
    subnetID = undefined;
    await run.renewToken();
  }
}

export async function waitForSubnet(
  api: Api,
  { subnetID }: WorkOf<"wait-subnet">,
  run: Run,
): Promise<StepOutcome> {
  if (!(await isAvailable(api, subnetID, run))) throw vanished(subnetID);
  return { kind: "done", notes: {} };
}

/**
 * While a subnet is made its VPC refuses the next one: wait for a turn. That ours keeps the VPC pending for a moment is
 * not waited for: other nodes' subnets may follow without a pause, and what needs the VPC next waits by itself.
 * `before`: something may have been made before, which a refusal does not undo.
 */
async function requestSubnet(
  api: Api,
  { vpc, zone, cidr, name, tags }: WorkOf<"create-subnet">,
  run: Run,
  before: boolean,
): Promise<string> {
  const state = waiting(VPC_TURN);
  let doubt = before;
  for (;;)
    try {
      const wanted = { VpcId: vpc, ZoneId: zone, CidrBlock: cidr, SubnetName: name, Tags: tags };
      const { SubnetId } = await api.call(
        createSubnet,
        { ...wanted, ClientToken: run.token },
        run.signal,
      );
      return SubnetId;
    } catch (thrown) {
      doubt ||= !isDefinite(thrown);
      const passing = isFault(thrown, "busy", "token-reused");
      if (isFault(thrown, "token-reused")) await run.renewToken();
      if (passing) run.progress(`waiting for ${vpc}, which is changed by something else`);
      if (passing && (await pause(state, api.timing, run.signal))) continue;
      if (!doubt) await run.refused();
      throw thrown;
    }
}

/** False: it cannot be seen although answers are no longer stale. */
const isAvailable = (api: Api, subnetID: string, run: Run): Promise<boolean> =>
  awaited<SubnetAnswer | undefined, boolean>({
    api,
    run,
    patience: SUBNET,
    what: `subnet ${subnetID}`,
    look: () => lookAtSubnet(api, subnetID, run.signal),
    decide: (seen, waited) => {
      if (seen === undefined) return waited > STALE_MS ? false : undefined;
      return seen.Status === "Available" ? true : undefined;
    },
    say: (seen) => seen?.Status ?? "not to be seen",
  });

const vanished = (subnetID: string): BrokerError =>
  new BrokerError("cloud-conflict", `subnet ${subnetID} disappeared after it was made`, {
    hint: "see who else deletes subnets in this account, then run the command again",
  });

/** Refused for minutes after the last interface has gone; what others put there meanwhile ends the tries. */
export async function removeSubnet(
  api: Api,
  { subnetID }: WorkOf<"delete-subnet">,
  run: Run,
): Promise<StepOutcome> {
  const remove = () => api.call(deleteSubnet, { SubnetId: subnetID }, run.signal);
  let asked = await settledDelete(remove);
  return awaited<boolean, StepOutcome>({
    api,
    run,
    patience: DELETE_SUBNET,
    what: `subnet ${subnetID} to be deleted`,
    look: async () => (await lookAtSubnet(api, subnetID, run.signal)) === undefined,
    decide: async (gone) => {
      if (gone) return { kind: "done", notes: {} };
      if (asked === "accepted") return undefined;
      const filter = { SubnetId: subnetID, PageSize: 10 };
      const { NetworkInterfaceSets: inside } = await api.call(
        describeInterfaces,
        filter,
        run.signal,
      );
      const others = inside.filter(({ Status }) => Status !== "Deleting" && Status !== "Detaching");
      if (others.length > 0)
        return short(
          `${others.map(({ NetworkInterfaceId }) => NetworkInterfaceId).join(" ")} came into subnet ${subnetID}`,
          "remove what is in it, then run teardown again",
        );
      asked = await settledDelete(remove);
      return undefined;
    },
    say: () => (asked === "accepted" ? "being deleted" : "still counted as used"),
  });
}

/** `open`: whether it was accepted is not known, or it may be later. */
async function settledDelete(remove: () => Promise<unknown>): Promise<"accepted" | "open"> {
  try {
    await remove();
    return "accepted";
  } catch (thrown) {
    if (isFault(thrown, "gone")) return "accepted";
    if (isFault(thrown, "busy", "in-use", "uncertain")) return "open";
    throw thrown;
  }
}

export async function openIngress(
  api: Api,
  { group, cidr }: WorkOf<"authorize-ingress">,
  run: Run,
): Promise<StepOutcome> {
  const rule = { Protocol: "all", PortStart: -1, PortEnd: -1, CidrIp: cidr, Policy: "accept" };
  try {
    await api.call(
      authorizeIngress,
      {
        SecurityGroupId: group,
        ...rule,
        Description: "cocoon-net: guests",
        ClientToken: run.token,
      },
      run.signal,
    );
  } catch (thrown) {
    // The code for a rule that is there already is not published: what counts is whether it is there.
    const filter = { SecurityGroupId: group, Direction: "ingress" };
    const { Permissions } = await api.call(describeSecurityGroup, filter, run.signal);
    const there = Permissions.some(
      (found) => found.Protocol === "all" && found.CidrIp === cidr && found.Policy !== "drop",
    );
    if (!there) throw thrown;
  }
  return { kind: "done", notes: {} };
}
