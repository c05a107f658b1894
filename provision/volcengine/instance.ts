// The instance that this machine is, and what its type allows.

import { BrokerError } from "#core/errors.ts";
import { describeInstanceTypes, describeInstances } from "./actions.ts";
import type { Api } from "./api.ts";

export async function readInstance(api: Api, id: string, signal: AbortSignal) {
  const { Instances } = await api.call(describeInstances, { InstanceIds: [id] }, signal);
  const found = Instances.find(({ InstanceId }) => InstanceId === id);
  if (found !== undefined) return found;
  throw new BrokerError("cloud-conflict", `instance ${id} is not found in region ${api.region}`, {
    hint: "check that the credentials belong to the account of this instance",
  });
}

export async function readLimits(api: Api, type: string, signal: AbortSignal) {
  const { InstanceTypes } = await api.call(
    describeInstanceTypes,
    { InstanceTypeIds: [type] },
    signal,
  );
  const found = InstanceTypes.find(({ InstanceTypeId }) => InstanceTypeId === type);
  if (found === undefined)
    throw new BrokerError(
      "cloud-conflict",
      `the cloud does not know the limits of instance type ${type}`,
      {
        hint: "see whether ecs:DescribeInstanceTypes lists it for this account and region",
      },
    );
  const { MaximumNetworkInterfaces, MaximumPrivateIpv4AddressesPerNetworkInterface } =
    found.Network;
  return {
    interfaces: MaximumNetworkInterfaces,
    addresses: MaximumPrivateIpv4AddressesPerNetworkInterface,
  };
}
