// Making, attaching, detaching and deleting interfaces: accepted at once, done later, refused in between.

import {
  type Action,
  type Call,
  changeEni,
  checkTags,
  findEni as seeEni,
  iso,
  lagFrom,
} from "./call.ts";
import { VolcengineError } from "./errors.ts";
import type { Eni, EniStatus, Instance } from "./region.ts";
import { findSubnet } from "./subnet.ts";

/** Secondary addresses of an interface that is attached to none. */
export const MAX_SECONDARIES = 49;
const NAME = /^[A-Za-z0-9\p{Script=Han}][A-Za-z0-9\p{Script=Han}._-]{0,127}$/u;

/** The interface if it may be changed by the account. Each call that names it is a look. */
export function findOwnEni(call: Call): Eni {
  const eni = seeEni(call, call.parameters.required("NetworkInterfaceId"));
  if (eni.view.serviceManaged)
    throw new VolcengineError(
      "Forbidden",
      `The network interface ${eni.view.id} is managed by a cloud service.`,
    );
  eni.next?.countdown.look(call.now);
  return eni;
}

export function wrongStatus({ view }: Eni): VolcengineError {
  return new VolcengineError(
    "InvalidEni.InvalidStatus",
    `The status of ${view.id} is ${view.status}.`,
  );
}

/** Wanted addresses, or a count of any: one of them, or none where that is allowed. */
export function wantedAddresses(call: Call): { wanted: readonly string[]; count: number } {
  const wanted = call.parameters.list("PrivateIpAddress");
  const count = call.parameters.count("SecondaryPrivateIpAddressCount");
  if (wanted.length > 0 && count !== undefined)
    throw new VolcengineError(
      "InvalidParameter",
      "PrivateIpAddress.N and SecondaryPrivateIpAddressCount exclude each other.",
    );
  if (count === 0)
    throw new VolcengineError(
      "InvalidParameter",
      `SecondaryPrivateIpAddressCount is between 1 and ${MAX_SECONDARIES}.`,
    );
  return { wanted, count: count ?? 0 };
}

const createNetworkInterface: Action = {
  service: "vpc",
  mutating: true,
  replays: true,
  parameters: {
    "SubnetId*": "text",
    "SecurityGroupIds*": "list",
    NetworkInterfaceName: "text",
    Description: "text",
    PrimaryIpAddress: "text",
    PrivateIpAddress: "list",
    SecondaryPrivateIpAddressCount: "count",
    PortSecurityEnabled: "flag",
    ProjectName: "text",
    Tags: "tags",
  },
  serve(call) {
    const { parameters, region, settings } = call;
    const subnet = findSubnet(call, parameters.required("SubnetId"));
    const name = parameters.text("NetworkInterfaceName");
    if (name !== undefined && !NAME.test(name))
      throw new VolcengineError("InvalidParameter", `NetworkInterfaceName ${name} is malformed.`);
    const groups = parameters.list("SecurityGroupIds");
    checkGroups(call, groups, subnet.vpcId);
    const tags = checkTags(parameters.tags("Tags"));
    const { wanted, count } = wantedAddresses(call);
    if (wanted.length + count > MAX_SECONDARIES)
      throw new VolcengineError(
        "LimitExceeded.PrivateIpsPerEni",
        `A network interface has at most ${MAX_SECONDARIES} secondary IP addresses.`,
      );
    if (subnet.status !== "Available")
      throw new VolcengineError(
        "InvalidSubnet.InvalidStatus",
        `The status of ${subnet.id} is ${subnet.status}.`,
      );
    const owned = [...region.enis.values()].filter(
      ({ view }) => view.account === call.account && view.type !== "primary",
    );
    if (owned.length >= settings.enisPerAccount)
      throw new VolcengineError(
        "QuotaExceeded.Eni",
        `The quota of ${settings.enisPerAccount} network interfaces is exceeded.`,
      );
    region.checkGroupRoom(groups, 1 + wanted.length + count);
    const primary = parameters.text("PrimaryIpAddress");
    const claimed = region.claim(
      subnet,
      [...(primary === undefined ? [] : [primary]), ...wanted],
      count + (primary === undefined ? 1 : 0),
    );
    // With wanted secondaries only, the primary is the one that was drawn, at the end.
    const drawn = primary === undefined ? (claimed[wanted.length] ?? "") : primary;
    const secondaryIps = claimed.filter((address) => address !== drawn);
    const id = call.newId("eni");
    region.enis.set(id, {
      view: {
        id,
        name: name ?? id,
        description: parameters.text("Description") ?? "",
        type: "secondary",
        mac: call.newMac(),
        subnetId: subnet.id,
        vpcId: subnet.vpcId,
        zoneId: subnet.zoneId,
        primaryIp: drawn,
        secondaryIps,
        securityGroupIds: [...groups],
        instanceId: "",
        deleteOnTermination: false,
        serviceManaged: false,
        portSecurity: parameters.flag("PortSecurityEnabled") ?? false,
        account: call.account,
        status: "Creating",
        createdAt: iso(call.now),
        updatedAt: iso(call.now),
        tags,
      },
      next: { status: "Available", countdown: lagFrom(call, settings.transition) },
      hidden: lagFrom(call, settings.notFound),
    });
    return { NetworkInterfaceId: id };
  },
};

function checkGroups(call: Call, groups: readonly string[], vpcId: string): void {
  if (groups.length > call.settings.securityGroupsPerEni)
    throw new VolcengineError(
      "QuotaExceeded.EniSecurityGroup",
      `A network interface is in at most ${call.settings.securityGroupsPerEni} security groups.`,
    );
  for (const id of groups) {
    const group = call.region.securityGroups.get(id);
    if (group === undefined || group.account !== call.account || group.vpcId !== vpcId)
      throw new VolcengineError(
        "InvalidSecurityGroup.NotFound",
        `The specified SecurityGroupId ${id} does not exist in ${vpcId}.`,
      );
  }
}

function findInstance(call: Call, id: string): Instance {
  const instance = call.region.instances.get(id);
  if (instance === undefined || instance.account !== call.account)
    throw new VolcengineError(
      "InvalidInstance.NotFound",
      `The specified InstanceId ${id} does not exist.`,
    );
  return instance;
}

function checkRuns(instance: Instance): void {
  if (instance.status !== "RUNNING" && instance.status !== "STOPPED")
    throw new VolcengineError(
      "InvalidInstance.InvalidStatus",
      `The status of ${instance.id} is ${instance.status}.`,
    );
}

function begin(call: Call, eni: Eni, status: EniStatus, next: EniStatus): void {
  eni.next = { status: next, countdown: lagFrom(call, call.settings.transition) };
  changeEni(call, eni, { status });
}

const attachNetworkInterface: Action = {
  service: "vpc",
  mutating: true,
  parameters: {
    "NetworkInterfaceId*": "text",
    "InstanceId*": "text",
    DeleteOnTermination: "flag",
  },
  serve(call) {
    const eni = findOwnEni(call);
    const instance = findInstance(call, call.parameters.required("InstanceId"));
    const { view } = eni;
    if (view.status !== "Available") throw wrongStatus(eni);
    if (view.vpcId !== instance.vpcId)
      throw new VolcengineError(
        "InvalidEni.VpcMismatch",
        `${view.id} is in ${view.vpcId}, ${instance.id} in ${instance.vpcId}.`,
      );
    if (view.zoneId !== instance.zoneId)
      throw new VolcengineError(
        "InvalidEni.ZoneMismatch",
        `${view.id} is in ${view.zoneId}, ${instance.id} in ${instance.zoneId}.`,
      );
    checkRuns(instance);
    const type = call.region.instanceTypes.get(instance.typeId);
    if (type === undefined) throw new Error(`${instance.id} is of no known type`);
    const attached = call.region.enisOf(instance.id);
    for (const other of attached) other.next?.countdown.look(call.now);
    if (attached.length >= type.maxEnis)
      throw new VolcengineError(
        "LimitExceeded.EnisPerInstance",
        `The instance ${instance.id} of type ${type.id} has at most ${type.maxEnis} network interfaces.`,
      );
    if (1 + view.secondaryIps.length > type.maxIpsPerEni)
      throw new VolcengineError(
        "LimitExceeded.PrivateIpsPerEni",
        `The instance type ${type.id} has at most ${type.maxIpsPerEni} private IP addresses per network interface.`,
      );
    begin(call, eni, "Attaching", "InUse");
    eni.view = {
      ...eni.view,
      instanceId: instance.id,
      deleteOnTermination: call.parameters.flag("DeleteOnTermination") ?? false,
    };
    return {};
  },
};

const detachNetworkInterface: Action = {
  service: "vpc",
  mutating: true,
  parameters: { "NetworkInterfaceId*": "text", "InstanceId*": "text" },
  serve(call) {
    const eni = findOwnEni(call);
    const { view } = eni;
    const instanceId = call.parameters.required("InstanceId");
    if (view.instanceId !== instanceId)
      throw new VolcengineError(
        "InvalidEni.InstanceMismatch",
        `${view.id} is not attached to ${instanceId}.`,
      );
    if (view.type === "primary")
      throw new VolcengineError(
        "Forbidden",
        `The primary network interface ${view.id} cannot be detached.`,
      );
    if (view.status !== "InUse") throw wrongStatus(eni);
    checkRuns(findInstance(call, instanceId));
    begin(call, eni, "Detaching", "Available");
    return {};
  },
};

const deleteNetworkInterface: Action = {
  service: "vpc",
  mutating: true,
  parameters: { "NetworkInterfaceId*": "text" },
  serve(call) {
    const eni = findOwnEni(call);
    if (eni.view.status !== "Available") throw wrongStatus(eni);
    begin(call, eni, "Deleting", "Deleting");
    return {};
  },
};

export const eniChanges = {
  CreateNetworkInterface: createNetworkInterface,
  AttachNetworkInterface: attachNetworkInterface,
  DetachNetworkInterface: detachNetworkInterface,
  DeleteNetworkInterface: deleteNetworkInterface,
};
