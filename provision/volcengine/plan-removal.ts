// From what is there to nothing of ours: interfaces, the files that keep managers away, then the subnet if we made it.

import { formatPrefix, parsePrefix } from "#core/prefix.ts";
import type { CloudPlan, CloudStep, Removal } from "#provision/cloud.ts";
import { type Provisioning, entryOf } from "#provision/journal.ts";
import { keepStep } from "#provision/steps.ts";
import { isOurs, mayTake } from "./ownership.ts";
import {
  INSTANCE_TAG,
  MANAGED_BY,
  NODE_TAG,
  type SeenInterface,
  type SeenSubnet,
  type VolcengineSeen,
  isTagged,
  sameBlock,
} from "./seen.ts";
import type { VolcengineStep } from "./work.ts";

/** What happens to an interface, and why it stays if it does. */
type Fate = { readonly kind: "remove" } | { readonly kind: "keep"; readonly why: string };

export function planRemoval(
  removal: Removal,
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
): CloudPlan {
  const fates = seen.interfaces
    .filter(({ type, status }) => type !== "primary" && status !== "Deleting")
    .map((one) => ({ one, fate: fateOf(one, removal, seen, provisioning) }))
    .filter(({ one, fate }) => fate.kind === "remove" || concerns(one, removal, seen));
  const removed = fates.flatMap(({ one, fate }) => (fate.kind === "remove" ? [one] : []));
  const steps: readonly CloudStep[] = [
    ...fates.flatMap(({ one, fate }): readonly CloudStep[] =>
      fate.kind === "remove"
        ? interfaceRemoval(one)
        : [keepStep(`keep/${one.id}`, `interface ${one.name}`, fate.why)],
    ),
    ...[...seen.host.files.keys()].map(fileRemoval),
    ...subnetSteps(removal, seen, provisioning, removed),
    ...ingressSteps(provisioning),
  ];
  return { steps, warnings: seen.warnings };
}

/** What is neither ours nor on this instance needs no line. */
const concerns = (one: SeenInterface, removal: Removal, seen: VolcengineSeen): boolean =>
  one.instance === seen.instance ||
  seen.recorded.includes(one.id) ||
  isTagged(one.tags, removal.nodeName);

function fateOf(
  one: SeenInterface,
  removal: Removal,
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
): Fate {
  const keep = (why: string): Fate => ({ kind: "keep", why });
  if (provisioning?.state === "adopted")
    return keep("this node was adopted: its interfaces are somebody else's");
  if (isOurs(one, removal.nodeName, provisioning)) {
    if (one.instance !== "" && one.instance !== seen.instance)
      return keep(`it is attached to ${one.instance}: run teardown there, or detach it by hand`);
    if (one.instance === "" && !mayTake(one, seen, provisioning))
      return keep(
        "it was made minutes ago for another instance of this node's name; try again later",
      );
    return { kind: "remove" };
  }
  if (!seen.recorded.includes(one.id)) {
    const owner = one.tags.get(MANAGED_BY.key) === MANAGED_BY.value && one.tags.get(NODE_TAG);
    return keep(
      owner
        ? `it carries the tags of node ${owner}: if that is this one, give --node-name ${owner}`
        : "not ours: neither tagged nor recorded",
    );
  }
  return recordedFate(one, removal, seen, provisioning);
}

/** Made by the Go version, which did not tag: instance, subnet and name must all agree. */
function recordedFate(
  one: SeenInterface,
  removal: Removal,
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
): Fate {
  const keep = (why: string): Fate => ({ kind: "keep", why });
  const { pool } = removal;
  const block = parsePrefix(pool?.subnet ?? "");
  const subnet = seen.subnets.find(({ id }) => id === one.subnetID);
  // A teardown with the flag was cut off: its journal holds the consent, and nothing else would still name this one.
  const agreed = entryOf(provisioning, `detach-eni/${one.id}`) !== undefined;
  if (one.serviceManaged || one.type !== "secondary") return keep("a cloud service manages it");
  if (one.instance !== seen.instance && !(agreed && one.instance === ""))
    return keep(
      one.instance === ""
        ? "recorded, but it is not attached here"
        : `recorded, but it is attached to ${one.instance}`,
    );
  if (block === undefined || subnet === undefined || !sameBlock(subnet.block, block))
    return keep(`recorded, but it is in ${one.subnetID}, not in the pool's subnet`);
  if (!one.name.startsWith("cocoon"))
    return keep(
      `recorded, but named ${one.name || "(nothing)"}, not as the Go version named its own`,
    );
  if (!removal.includeUntagged && !agreed)
    return keep("recorded in pool.json but without our tags: --include-untagged removes it too");
  return { kind: "remove" };
}

function interfaceRemoval(one: SeenInterface): readonly VolcengineStep[] {
  const target = `interface ${one.name}`;
  const reads = ["DescribeNetworkInterfaceAttributes"];
  const deletion: VolcengineStep = {
    id: `delete-eni/${one.id}`,
    action: "remove",
    target,
    detail: `${one.id} with ${one.ips.length} secondary addresses`,
    changes: ["DeleteNetworkInterface"],
    reads,
    work: { kind: "delete-eni", eniID: one.id },
  };
  if (one.instance === "") return [deletion];
  const detaching: VolcengineStep = {
    id: `detach-eni/${one.id}`,
    action: "detach",
    target,
    detail: `${one.id} from ${one.instance}`,
    changes: ["DetachNetworkInterface"],
    reads,
    work: { kind: "detach-eni", eniID: one.id, instance: one.instance },
  };
  return [detaching, deletion];
}

const fileRemoval = (path: string): VolcengineStep => ({
  id: `remove-file/${path}`,
  action: "remove",
  target: path,
  detail: "kept other DHCP clients away from an interface of ours",
  changes: [],
  reads: [],
  work: { kind: "remove-file", path },
});

function subnetSteps(
  removal: Removal,
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
  removed: readonly SeenInterface[],
): readonly CloudStep[] {
  const block = parsePrefix(removal.pool?.subnet ?? "");
  const meant = seen.subnets.filter(
    (subnet) =>
      isTagged(subnet.tags, removal.nodeName) ||
      (block !== undefined && sameBlock(subnet.block, block)),
  );
  return meant.map((subnet) => {
    const target = `subnet ${formatPrefix(subnet.block)}`;
    const why = reasonToKeep(subnet, removal, seen, provisioning, removed);
    if (why !== undefined) return keepStep(`keep/${subnet.id}`, target, why);
    const step: VolcengineStep = {
      id: `delete-subnet/${subnet.id}`,
      action: "remove",
      target,
      detail: `${subnet.id}, once the cloud counts it as empty (minutes)`,
      changes: ["DeleteSubnet"],
      reads: ["DescribeSubnetAttributes"],
      work: { kind: "delete-subnet", subnetID: subnet.id },
    };
    return step;
  });
}

function reasonToKeep(
  subnet: SeenSubnet,
  removal: Removal,
  seen: VolcengineSeen,
  provisioning: Provisioning | undefined,
  removed: readonly SeenInterface[],
): string | undefined {
  const made = entryOf(provisioning, "create-subnet")?.notes["subnetID"] === subnet.id;
  const maker = subnet.tags.get(INSTANCE_TAG);
  const recorded = parsePrefix(removal.pool?.subnet ?? "");
  if (provisioning?.state === "adopted")
    return "this node was adopted: its subnet is somebody else's";
  if (!made && !isTagged(subnet.tags, removal.nodeName)) return "cocoon-net did not make it";
  const taken = recorded !== undefined && sameBlock(recorded, subnet.block) && isUsed(provisioning);
  // Two machines may have one name: the other one's subnet may be empty only because its init has just begun.
  if (removal.pool !== undefined && !made && maker !== seen.instance && !taken)
    return `it was made for ${maker ?? "another instance"} under this node's name, and pool.json shows no interface of this one in it: delete it by hand if that instance is gone`;
  const others = seen.interfaces.filter(
    (one) => one.subnetID === subnet.id && one.status !== "Deleting" && !removed.includes(one),
  );
  if (others.length === 0) return undefined;
  return `${others.map(({ id }) => id).join(" ")} ${others.length === 1 ? "is" : "are"} still in it`;
}

/** Whether this node had interfaces in the pool's subnet; what the Go version made has no journal to tell. */
const isUsed = (provisioning: Provisioning | undefined): boolean =>
  provisioning === undefined ||
  provisioning.attachments.length > 0 ||
  provisioning.entries.some(
    ({ step, notes }) => /^(?:create|attach)-eni\//.test(step) && notes["eniID"] !== undefined,
  );

/** A rule may serve others by now. */
const ingressSteps = (provisioning: Provisioning | undefined): readonly CloudStep[] =>
  (provisioning?.entries ?? [])
    .filter(({ step }) => step.startsWith("authorize-ingress/"))
    .map(({ step }) => {
      const [, group = "", cidr = ""] = step.split("/");
      return keepStep(
        `keep/rule-${group}-${cidr}`,
        `security group ${group}`,
        `the rule that lets ${cidr.replace("-", "/")} in serves everything in the group: remove it by hand if nothing needs it`,
      );
    });
