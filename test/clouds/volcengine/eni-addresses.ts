// Secondary addresses of an interface: assigned and unassigned at once, within the limits of its instance's type.

import { type Action, changeEni } from "./call.ts";
import { MAX_SECONDARIES, findOwnEni, wantedAddresses, wrongStatus } from "./eni-changes.ts";
import { VolcengineError } from "./errors.ts";

const assignPrivateIpAddresses: Action = {
  service: "vpc",
  mutating: true,
  replays: true,
  parameters: {
    "NetworkInterfaceId*": "text",
    PrivateIpAddress: "list",
    SecondaryPrivateIpAddressCount: "count",
  },
  serve(call) {
    const eni = findOwnEni(call);
    const { wanted, count } = wantedAddresses(call);
    if (wanted.length + count === 0)
      throw new VolcengineError(
        "MissingParameter",
        "One of PrivateIpAddress.N and SecondaryPrivateIpAddressCount is required.",
        true,
      );
    const { view } = eni;
    if (view.status !== "Available" && view.status !== "InUse") throw wrongStatus(eni);
    const type = call.region.instanceTypes.get(
      call.region.instances.get(view.instanceId)?.typeId ?? "",
    );
    const most = type === undefined ? MAX_SECONDARIES : type.maxIpsPerEni - 1;
    if (view.secondaryIps.length + wanted.length + count > most)
      throw new VolcengineError(
        "LimitExceeded.PrivateIpsPerEni",
        `${view.id} has at most ${most} secondary IP addresses.`,
      );
    call.region.checkGroupRoom(view.securityGroupIds, wanted.length + count);
    const subnet = call.region.subnets.get(view.subnetId);
    if (subnet === undefined) throw new Error(`${view.id} is in no subnet`);
    const added = call.region.claim(subnet, wanted, count);
    const all = [...view.secondaryIps, ...added];
    changeEni(call, eni, { secondaryIps: all });
    return {
      NetworkInterfaceId: view.id,
      PrivateIpSet: call.settings.assignAnswersAll ? all : added,
    };
  },
};

const unassignPrivateIpAddresses: Action = {
  service: "vpc",
  mutating: true,
  replays: true,
  parameters: { "NetworkInterfaceId*": "text", "PrivateIpAddress*": "list" },
  serve(call) {
    const eni = findOwnEni(call);
    const { view } = eni;
    if (view.status !== "Available" && view.status !== "InUse") throw wrongStatus(eni);
    const addresses = call.parameters.list("PrivateIpAddress");
    for (const address of addresses)
      if (!view.secondaryIps.includes(address))
        throw new VolcengineError(
          "InvalidPrivateIp.Malformed",
          `The private IP ${address} is no secondary IP address of ${view.id}.`,
        );
    changeEni(call, eni, {
      secondaryIps: view.secondaryIps.filter((address) => !addresses.includes(address)),
    });
    return {};
  },
};

export const eniAddresses = {
  AssignPrivateIpAddresses: assignPrivateIpAddresses,
  UnassignPrivateIpAddresses: unassignPrivateIpAddresses,
};
