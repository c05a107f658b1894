// All that stands in one region: VPCs, subnets, interfaces, instances, security groups, and how each is found.

import { containsIp, parsePrefix, prefixLast, type Prefix } from "#core/prefix.ts";
import { ipFromNumber, parseIp } from "#core/address.ts";
import { VolcengineError } from "./errors.ts";
import type { Countdown } from "./lag.ts";
import type { Tag } from "./parameters.ts";
import type { EniSeed, InstanceType, RegionSeed, SubnetSeed } from "./scenario.ts";

export type EniStatus = "Creating" | "Available" | "Attaching" | "InUse" | "Detaching" | "Deleting";

/** What the API tells of an interface. */
export interface EniView extends Omit<EniSeed, "tags"> {
  readonly tags: readonly Tag[];
  readonly vpcId: string;
  readonly zoneId: string;
  readonly status: EniStatus;
  readonly portSecurity: boolean;
  readonly updatedAt: string;
}

export interface Eni {
  view: EniView;
  /** What it becomes by itself. */
  next?: { readonly status: EniStatus; readonly countdown: Countdown };
  /** Until then it is not found. */
  hidden?: Countdown;
  /** Until then Describe shows this. */
  stale?: { readonly view: EniView; readonly countdown: Countdown };
}

export interface Subnet extends Omit<SubnetSeed, "tags"> {
  tags: readonly Tag[];
  readonly prefix: Prefix;
  status: "Pending" | "Available";
  next?: { readonly status: "Available" | "gone"; readonly countdown: Countdown };
  hidden?: Countdown;
  /** Tries of DeleteSubnet that are still refused although nothing is left in it. */
  release?: Countdown;
}

export interface Vpc extends Omit<RegionSeed["vpcs"][number], "tags"> {
  tags: readonly Tag[];
  status: "Pending" | "Available";
  next?: Countdown;
}

export type SecurityGroup = Omit<RegionSeed["securityGroups"][number], "tags"> & {
  tags: readonly Tag[];
};
export type Instance = RegionSeed["instances"][number];

export class Region {
  readonly id: string;
  readonly zones: readonly string[];
  readonly vpcs = new Map<string, Vpc>();
  readonly subnets = new Map<string, Subnet>();
  readonly enis = new Map<string, Eni>();
  readonly instances = new Map<string, Instance>();
  readonly instanceTypes = new Map<string, InstanceType>();
  readonly securityGroups = new Map<string, SecurityGroup>();

  constructor(seed: RegionSeed) {
    this.id = seed.id;
    this.zones = seed.zones;
    for (const vpc of seed.vpcs) this.vpcs.set(vpc.id, { ...vpc, status: "Available" });
    for (const subnet of seed.subnets)
      this.subnets.set(subnet.id, { ...subnet, prefix: prefix(subnet.cidr), status: "Available" });
    for (const group of seed.securityGroups) this.securityGroups.set(group.id, { ...group });
    for (const type of seed.instanceTypes) this.instanceTypes.set(type.id, type);
    for (const instance of seed.instances) this.instances.set(instance.id, { ...instance });
    for (const eni of seed.enis) this.addEni(eni);
  }

  /** Puts an interface where it is said to be, as another tool would have done. */
  addEni(seed: EniSeed): Eni {
    const subnet = this.subnets.get(seed.subnetId);
    if (subnet === undefined) throw new Error(`${seed.id} lies in no subnet: ${seed.subnetId}`);
    const eni: Eni = {
      view: {
        ...seed,
        vpcId: subnet.vpcId,
        zoneId: subnet.zoneId,
        status: seed.instanceId === "" ? "Available" : "InUse",
        portSecurity: false,
        updatedAt: seed.createdAt,
      },
    };
    this.enis.set(seed.id, eni);
    return eni;
  }

  enisIn(subnetId: string): readonly Eni[] {
    return [...this.enis.values()].filter(({ view }) => view.subnetId === subnetId);
  }

  enisOf(instanceId: string): readonly Eni[] {
    return [...this.enis.values()].filter(({ view }) => view.instanceId === instanceId);
  }

  /** Addresses that are in use or reserved: network, gateway (the first), broadcast. */
  takenIn(subnet: Subnet): Set<string> {
    const { family, base } = subnet.prefix;
    const reserved = [base, base + 1n, prefixLast(subnet.prefix)].map((value) =>
      ipFromNumber(family, value),
    );
    const held = this.enisIn(subnet.id).flatMap(({ view }) => [
      view.primaryIp,
      ...view.secondaryIps,
    ]);
    return new Set<string>([...reserved, ...subnet.taken, ...held]);
  }

  /** Takes the lowest free addresses, the wanted ones first; refuses as the API does. */
  claim(subnet: Subnet, wanted: readonly string[], count: number): readonly string[] {
    const taken = this.takenIn(subnet);
    const claimed: string[] = [];
    for (const text of wanted) {
      const ip = parseIp(text);
      if (ip === undefined || !containsIp(subnet.prefix, ip))
        throw new VolcengineError(
          "InvalidPrivateIp.Malformed",
          `The private IP ${text} is not valid in ${subnet.id} ${subnet.cidr}.`,
        );
      if (taken.has(ip))
        throw new VolcengineError(
          "InvalidPrivateIp.InUse",
          `The private IP ${text} is in use or reserved.`,
        );
      taken.add(ip);
      claimed.push(ip);
    }
    const last = prefixLast(subnet.prefix);
    for (let value = subnet.prefix.base; claimed.length < wanted.length + count; value += 1n) {
      if (value > last)
        throw new VolcengineError(
          "InsufficientIpInSubnet",
          `The subnet ${subnet.id} has not enough free IP addresses.`,
        );
      const ip = ipFromNumber(subnet.prefix.family, value);
      if (taken.has(ip)) continue;
      claimed.push(ip);
    }
    return claimed;
  }

  /** Every address of every interface in the group. */
  ipsInGroup(groupId: string): number {
    return [...this.enis.values()]
      .filter(({ view }) => view.securityGroupIds.includes(groupId))
      .reduce((sum, { view }) => sum + 1 + view.secondaryIps.length, 0);
  }

  /** Refuses when so many more addresses would not fit in one of the groups. */
  checkGroupRoom(groupIds: readonly string[], more: number): void {
    for (const id of groupIds) {
      const group = this.securityGroups.get(id);
      if (group !== undefined && this.ipsInGroup(id) + more > group.ipQuota)
        throw new VolcengineError(
          "QuotaExceeded.SecurityGroupIp",
          `The quota of ${group.ipQuota} IP addresses in the security group ${id} is exceeded.`,
        );
    }
  }
}

function prefix(cidr: string): Prefix {
  const parsed = parsePrefix(cidr);
  if (parsed === undefined) throw new Error(`${cidr} is no CIDR`);
  return parsed;
}
