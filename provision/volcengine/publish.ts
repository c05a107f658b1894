// The pool that can be used now, and how it differs from what pool.json says.

import { type Ip, ipFromNumber, ipToNumber } from "#core/address.ts";
import { type Prefix, formatPrefix, parsePrefix, prefixLast } from "#core/prefix.ts";
import type { Difference, DifferenceTopic, Goal, Published } from "#provision/cloud.ts";
import { type Attachment, provisioningOf } from "#provision/journal.ts";
import type { PoolFile } from "#provision/pool-file.ts";
import { isAdopted, remedyOf } from "#provision/remedy.ts";
import { authorizeCommand, ingressOf } from "./ingress.ts";
import { guestInterfaces, placementOf } from "./ownership.ts";
import { interfacesOfNode, nodeLayout } from "./plan.ts";
import { subnetNamed } from "./plan-subnet.ts";
import { type SeenInterface, type VolcengineSeen, sameBlock } from "./seen.ts";

export function publish(goal: Goal, seen: VolcengineSeen): Published {
  const subnet = subnetNamed(seen, goal.subnet);
  const ofNode = interfacesOfNode(seen, undefined);
  const inSubnet = ofNode.filter((one) => one.subnetID === subnet?.id && subnet !== undefined);
  const layout = nodeLayout(goal, seen, inSubnet);
  const placed = placementOf(inSubnet, seen.nodeName, seen.instance, layout.counts.length);
  const inOrder = [...placed.slots.entries()]
    .toSorted(([one], [other]) => one - other)
    .map(([, one]) => one);
  const gateway = ipFromNumber(4, goal.subnet.base + 1n);
  const attachments = [...inOrder, ...placed.extra].flatMap((one) =>
    attachmentOf(one, goal, seen, gateway),
  );
  // Nothing but the record tells of what the Go version made: what is here stays in it though its link cannot be used.
  const recorded = ofNode.filter(
    ({ id, instance }) => instance === seen.instance && seen.recorded.includes(id),
  );
  const ips = attachments.flatMap((one) => one.ips);
  const primary = seen.interfaces.find(
    ({ type, instance }) => type === "primary" && instance === seen.instance,
  );
  return {
    primaryNIC: linkOf(primary, seen)?.name ?? "",
    secondaryNICs: attachments.map(({ nic }) => nic),
    ips,
    eniIDs: [
      ...new Set([...attachments.map(({ eniID }) => eniID), ...recorded.map(({ id }) => id)]),
    ],
    subnetID: subnet?.id ?? "",
    aliasRangeName: "",
    vpcCIDRs: seen.vpc.blocks.map(formatPrefix),
    attachments,
    degraded:
      ips.length < layout.total
        ? [
            `${ips.length} of ${layout.total} addresses on ${attachments.length} of ${layout.counts.length} interfaces can be used`,
          ]
        : [],
  };
}

/** Only what packets can really reach: attached here, with a link that is up. */
function attachmentOf(
  one: SeenInterface,
  goal: Goal,
  seen: VolcengineSeen,
  gateway: Ip,
): readonly (Attachment & { readonly ips: readonly Ip[] })[] {
  const link = linkOf(one, seen);
  if (one.instance !== seen.instance || one.status !== "InUse" || link?.up !== true) return [];
  const ips = one.ips.filter((ip) => isUsable(ip, goal.subnet, goal.gateway));
  return [{ eniID: one.id, mac: one.mac, nic: link.name, gateway, ips }];
}

function isUsable(ip: Ip, subnet: Prefix, gateway: Ip): boolean {
  const value = ipToNumber(ip);
  return ip !== gateway && value > subnet.base && value < prefixLast(subnet);
}

const linkOf = (one: SeenInterface | undefined, seen: VolcengineSeen) =>
  one === undefined || one.mac === ""
    ? undefined
    : seen.host.links.find(({ mac }) => mac === one.mac);

/** Groups that the guests' interfaces are in; those that new ones would get, while there is none. */
function ingressDifferences(
  { groups, guestGroups, vpc }: VolcengineSeen,
  here: readonly SeenInterface[],
): Difference[] {
  const used = new Set(here.flatMap((one) => one.groups));
  return [...groups, ...guestGroups]
    .filter(({ id }) => used.size === 0 || used.has(id))
    .flatMap((group) =>
      vpc.blocks.flatMap((block): Difference[] => {
        const ingress = ingressOf(group, block);
        if (ingress.kind === "open") return [];
        const closed = ingress.kind === "closed";
        return [
          {
            what: `security group ${group.id}`,
            recorded: `lets ${formatPrefix(block)} in`,
            found: closed ? "does not" : `drops some of it (${ingress.rule})`,
            hint: closed
              ? `run init with --authorize-vpc-ingress, or: ${authorizeCommand(group.id, block)}`
              : "remove that rule, or give it a higher number",
            topic: "ingress",
          },
        ];
      }),
    );
}

/** Each interface keeps its own address and its secondary ones from all others, attached or not. */
function leftoverDifferences(ours: readonly SeenInterface[]): Difference[] {
  const left = Map.groupBy(
    ours.filter(({ instance }) => instance === ""),
    ({ subnetID }) => subnetID,
  );
  return [...left].map(([subnetID, inside]) => {
    const addresses = inside.reduce((sum, { ips }) => sum + 1 + ips.length, 0);
    return {
      what: `detached interfaces of ours in subnet ${subnetID}`,
      recorded: "none",
      found: `${inside.length} (${inside.map(({ id }) => id).join(" ")}) with ${addresses} addresses`,
      hint: "cocoon-net teardown deletes them; cocoon-net init, run again, attaches or deletes them",
      topic: "leftover",
    };
  });
}

/** What an init or adopt recorded and is not so. Of an adopted node, whose interfaces bear no tags, all in its subnet count. */
export function compare(pool: PoolFile, seen: VolcengineSeen): readonly Difference[] {
  const block = parsePrefix(pool.subnet);
  const subnet = seen.subnets.find((one) => block !== undefined && sameBlock(one.block, block));
  const adopted = isAdopted(pool);
  const again = remedyOf(pool);
  const differences: Difference[] = [];
  const differ = (
    what: string,
    recorded: string,
    found: string,
    hint: string,
    topic?: DifferenceTopic,
  ) => {
    if (recorded === found) return;
    differences.push({ what, recorded, found, hint, ...(topic === undefined ? {} : { topic }) });
  };
  // adopt asks no cloud, hence records no ID: any subnet of that block is the one that is meant.
  const subnetID = pool.subnetID === "" && adopted ? (subnet?.id ?? "there") : pool.subnetID;
  differ(`subnet ${pool.subnet}`, subnetID, subnet?.id ?? "nothing", again, "origin");
  const byId = new Map(seen.interfaces.map((one) => [one.id, one]));
  for (const id of pool.eniIDs) {
    const one = byId.get(id);
    const found =
      one === undefined
        ? "nothing"
        : one.instance === seen.instance
          ? "attached"
          : one.instance === ""
            ? "detached"
            : `attached to ${one.instance}`;
    differ(`interface ${id}`, "attached", found, again);
  }
  const ours = adopted ? guestInterfaces(seen) : interfacesOfNode(seen, provisioningOf(pool));
  const here = ours.filter((one) => one.instance === seen.instance && one.subnetID === subnet?.id);
  for (const one of here)
    if (!adopted && !pool.eniIDs.includes(one.id))
      differ(`interface ${one.id}`, "nothing", "attached, ours", again);
  const assigned = new Set(here.flatMap(({ ips }) => ips));
  const listed = new Set(pool.ips);
  const count = (ips: readonly Ip[]) =>
    ips.length === 0
      ? "none"
      : `${ips.length} (${ips.slice(0, 3).join(" ")}${ips.length > 3 ? " …" : ""})`;
  const missing = [...listed].filter((ip) => !assigned.has(ip));
  // Who adopts a node names how many addresses are used; others may have the rest.
  const surplus = [...assigned].filter((ip) => !adopted && !listed.has(ip) && ip !== pool.gateway);
  const fewer = `give them to an interface of this node, or adopt with a smaller --pool-size: ${again}`;
  const lacking = adopted ? fewer : again;
  differ("recorded addresses that no interface has", "none", count(missing), lacking);
  differ("addresses of the interfaces that are not recorded", "none", count(surplus), again);
  for (const one of here) {
    const link = linkOf(one, seen);
    differ(
      `link of ${one.id}`,
      "up",
      link === undefined ? "absent" : link.up ? "up" : `${link.name} down`,
      link === undefined
        ? `no link with MAC ${one.mac}: see whether the instance hot-plugs interfaces, or reboot it`
        : `ip link set ${link.name} up, or ${again}`,
      "link",
    );
  }
  return [...differences, ...ingressDifferences(seen, here), ...leftoverDifferences(ours)];
}
