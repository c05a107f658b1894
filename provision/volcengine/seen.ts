// What is read of cloud and machine before anything is decided, in words of our own.

import { parseIp, parseMac, type Ip } from "#core/address.ts";
import { type Prefix, formatPrefix, parsePrefix } from "#core/prefix.ts";
import type { InterfaceAnswer, PermissionAnswer, SubnetAnswer } from "./actions.ts";
import type { Parameters } from "./api.ts";

/** Tags of everything that we make. */
export const MANAGED_BY = { key: "cocoon:managed-by", value: "cocoon-net" } as const;
export const NODE_TAG = "cocoon:node";
/** The instance that it was made for: tells a node from an earlier one of the same name. */
export const INSTANCE_TAG = "cocoon:instance";

export interface SeenSubnet {
  readonly id: string;
  readonly zone: string;
  readonly block: Prefix;
  /** `Pending` or `Available`. */
  readonly status: string;
  readonly tags: ReadonlyMap<string, string>;
}

export interface SeenInterface {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** `Creating`, `Available`, `Attaching`, `InUse`, `Detaching`, `Deleting`, `Error`. */
  readonly status: string;
  /** Lower case; empty when the cloud gives none. */
  readonly mac: string;
  /** Empty: attached to none. */
  readonly instance: string;
  readonly subnetID: string;
  /** Secondary addresses, lowest first as the cloud lists them. */
  readonly ips: readonly Ip[];
  readonly groups: readonly string[];
  readonly serviceManaged: boolean;
  /** Milliseconds since 1970; 0 when the cloud does not say. */
  readonly created: number;
  readonly tags: ReadonlyMap<string, string>;
}

export interface SeenGroup {
  readonly id: string;
  /** Ingress only. */
  readonly rules: readonly PermissionAnswer[];
}

export interface Link {
  readonly name: string;
  /** Lower case. */
  readonly mac: string;
  readonly up: boolean;
  /** IPv4. */
  readonly addresses: readonly string[];
}

/** What this machine shows. */
export interface SeenHost {
  readonly links: readonly Link[];
  /** Folders of network managers that are there. */
  readonly managers: readonly NetworkManagerName[];
  /** Text of our files that keep the managers away, by path. */
  readonly files: ReadonlyMap<string, string>;
}
export type NetworkManagerName = "systemd-networkd" | "NetworkManager";

export interface VolcengineSeen {
  readonly nodeName: string;
  readonly instance: string;
  readonly instanceStatus: string;
  readonly instanceType: string;
  readonly region: string;
  readonly zone: string;
  readonly vpc: { readonly id: string; readonly blocks: readonly Prefix[] };
  /** Of the instance type; both include the primary one. */
  readonly limits: { readonly interfaces: number; readonly addresses: number };
  /** IDs of all that is attached, other accounts' interfaces too. */
  readonly attached: readonly string[];
  /** All of the VPC. */
  readonly subnets: readonly SeenSubnet[];
  /** On the instance, in the node's subnet, and with our tags. */
  readonly interfaces: readonly SeenInterface[];
  readonly groups: readonly SeenGroup[];
  /** Those of the recorded interfaces, of an adopted node's all, that are not in `groups`. */
  readonly guestGroups: readonly SeenGroup[];
  /** `eniIDs` of pool.json. */
  readonly recorded: readonly string[];
  readonly host: SeenHost;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly warnings: readonly string[];
}

export function interfaceOf(answer: InterfaceAnswer): SeenInterface {
  const addresses = answer.PrivateIpSets?.PrivateIpSet ?? [];
  const created = Date.parse(answer.CreatedAt);
  return {
    id: answer.NetworkInterfaceId,
    name: answer.NetworkInterfaceName,
    type: answer.Type,
    status: answer.Status,
    mac: parseMac(answer.MacAddress) ?? "",
    instance: answer.DeviceId,
    subnetID: answer.SubnetId,
    ips: addresses
      .filter(
        ({ Primary, PrivateIpAddress }) => !Primary && PrivateIpAddress !== answer.PrimaryIpAddress,
      )
      .flatMap(({ PrivateIpAddress }) => parseIp(PrivateIpAddress) ?? []),
    groups: answer.SecurityGroupIds,
    serviceManaged: answer.ServiceManaged,
    created: Number.isNaN(created) ? 0 : created,
    tags: answer.Tags,
  };
}

/** A subnet whose block cannot be read is none that we could use. */
export function subnetOf(answer: SubnetAnswer): readonly SeenSubnet[] {
  const block = parsePrefix(answer.CidrBlock);
  if (block === undefined) return [];
  const { SubnetId, ZoneId, Status, Tags } = answer;
  return [{ id: SubnetId, zone: ZoneId, block, status: Status, tags: Tags }];
}

export const sameBlock = (one: Prefix, other: Prefix): boolean =>
  formatPrefix(one) === formatPrefix(other);

/** Whether tags name it as made by us for that node. */
export const isTagged = (tags: ReadonlyMap<string, string>, nodeName: string): boolean =>
  tags.get(MANAGED_BY.key) === MANAGED_BY.value && tags.get(NODE_TAG) === nodeName;

/** Tags of what is made for a node. */
export const tagsFor = (nodeName: string, instance: string): readonly Parameters[] => [
  { Key: MANAGED_BY.key, Value: MANAGED_BY.value },
  { Key: NODE_TAG, Value: nodeName },
  { Key: INSTANCE_TAG, Value: instance },
];
