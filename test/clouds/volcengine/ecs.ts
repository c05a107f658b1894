// Actions of the instance service: instances with all their interfaces, and what their types allow.

import { type Action, type Call, listOf } from "./call.ts";
import { pageOf, tokenPages } from "./paging.ts";
import type { Instance } from "./region.ts";

/** Interfaces of every account and service are in it: the true number that is attached. */
const instanceJson = (call: Call, instance: Instance) => ({
  InstanceId: instance.id,
  InstanceName: instance.name,
  Hostname: instance.name,
  Status: instance.status,
  InstanceTypeId: instance.typeId,
  VpcId: instance.vpcId,
  ZoneId: instance.zoneId,
  NetworkInterfaces: listOf(
    call,
    call.region.enisOf(instance.id).map(({ view }) => ({
      NetworkInterfaceId: view.id,
      Type: view.type,
      MacAddress: view.mac,
      PrimaryIpAddress: view.primaryIp,
      SubnetId: view.subnetId,
      VpcId: view.vpcId,
    })),
  ),
});

const describeInstances: Action = {
  service: "ecs",
  mutating: false,
  parameters: {
    InstanceIds: "list",
    InstanceName: "text",
    VpcId: "text",
    ZoneId: "text",
    Status: "text",
    ...tokenPages,
  },
  serve(call) {
    const { parameters } = call;
    const ids = parameters.list("InstanceIds");
    const is = (name: string, value: string) => (parameters.text(name) ?? value) === value;
    const found = [...call.region.instances.values()].filter(
      (instance) =>
        instance.account === call.account &&
        (ids.length === 0 || ids.includes(instance.id)) &&
        is("InstanceName", instance.name) &&
        is("VpcId", instance.vpcId) &&
        is("ZoneId", instance.zoneId) &&
        is("Status", instance.status),
    );
    const { entries, fields } = pageOf(found, parameters);
    return {
      Instances: listOf(
        call,
        entries.map((instance) => instanceJson(call, instance)),
      ),
      ...fields,
    };
  },
};

const describeInstanceTypes: Action = {
  service: "ecs",
  mutating: false,
  parameters: { InstanceTypeIds: "list", InstanceTypes: "list", ...tokenPages },
  serve(call) {
    const { parameters } = call;
    const ids = [...parameters.list("InstanceTypeIds"), ...parameters.list("InstanceTypes")];
    const found = [...call.region.instanceTypes.values()].filter(
      ({ id }) => ids.length === 0 || ids.includes(id),
    );
    const { entries, fields } = pageOf(found, parameters);
    const types = entries.map((type) => ({
      InstanceTypeId: type.id,
      InstanceTypeFamily: type.id.split(".").slice(0, 2).join("."),
      Network: {
        MaximumNetworkInterfaces: type.maxEnis,
        MaximumPrivateIpv4AddressesPerNetworkInterface: type.maxIpsPerEni,
      },
      NetworkInterfaceTotalNumQuota: type.maxEnis,
    }));
    return { InstanceTypes: listOf(call, types), ...fields };
  },
};

export const ecsActions = {
  DescribeInstances: describeInstances,
  DescribeInstanceTypes: describeInstanceTypes,
};
