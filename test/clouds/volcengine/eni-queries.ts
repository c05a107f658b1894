// Reading interfaces: the list with its filters, and one interface's attributes; both may lag behind what is.

import { type Action, type Call, findEni, listOf, matchesTags } from "./call.ts";
import { VolcengineError } from "./errors.ts";
import { numberedPages, pageOf, tokenPages } from "./paging.ts";
import type { Parameters } from "./parameters.ts";
import type { Eni, EniView } from "./region.ts";

/** Tag filters see this many interfaces and no more. */
const MAX_TAG_FILTERED = 1000;

function eniJson(call: Call, view: EniView) {
  const addresses = [view.primaryIp, ...view.secondaryIps];
  return {
    NetworkInterfaceId: view.id,
    NetworkInterfaceName: view.name,
    Description: view.description,
    Type: view.type,
    Status: view.status,
    AccountId: view.account,
    MacAddress: view.mac,
    DeviceId: view.instanceId,
    Attachment:
      view.instanceId === ""
        ? null
        : { InstanceId: view.instanceId, DeleteOnTermination: view.deleteOnTermination },
    PrimaryIpAddress: view.primaryIp,
    PrivateIpSets: {
      PrivateIpSet: addresses.map((address, index) => ({
        PrivateIpAddress: address,
        Primary: index === 0,
        AssociatedElasticIp: null,
      })),
    },
    SecurityGroupIds: view.securityGroupIds,
    SubnetId: view.subnetId,
    VpcId: view.vpcId,
    ZoneId: view.zoneId,
    PortSecurityEnabled: view.portSecurity,
    ServiceManaged: view.serviceManaged,
    ProjectName: "default",
    Tags: listOf(call, view.tags),
    CreatedAt: view.createdAt,
    UpdatedAt: view.updatedAt,
  };
}

/** What Describe shows now; counts as a look. */
function look(call: Call, eni: Eni): EniView {
  eni.next?.countdown.look(call.now);
  if (eni.stale?.countdown.look(call.now) === true) return eni.stale.view;
  delete eni.stale;
  return eni.view;
}

const describeNetworkInterfaces: Action = {
  service: "vpc",
  mutating: false,
  parameters: {
    NetworkInterfaceIds: "list",
    NetworkInterfaceName: "text",
    InstanceId: "text",
    SubnetId: "text",
    VpcId: "text",
    ZoneId: "text",
    Status: "text",
    Type: "text",
    SecurityGroupId: "text",
    PrivateIpAddresses: "list",
    PrimaryIpAddresses: "list",
    ServiceManaged: "flag",
    ProjectName: "text",
    TagFilters: "filters",
    ...numberedPages,
    ...tokenPages,
  },
  serve(call) {
    const { parameters } = call;
    if (parameters.list("PrivateIpAddresses").length > 0 && parameters.text("VpcId") === undefined)
      throw new VolcengineError(
        "MissingParameter",
        "The parameter VpcId is required with PrivateIpAddresses.",
      );
    const meant = [...call.region.enis.values()].filter(
      ({ view, stale }) =>
        view.account === call.account &&
        (matches(view, parameters) || (stale !== undefined && matches(stale.view, parameters))),
    );
    const seen = meant
      .filter(({ hidden }) => hidden?.look(call.now) !== true)
      .map((eni) => look(call, eni))
      .filter((view) => matches(view, parameters));
    const filtered = parameters.filters("TagFilters").length > 0;
    const { entries, fields } = pageOf(
      filtered ? seen.slice(0, MAX_TAG_FILTERED) : seen,
      parameters,
    );
    return {
      NetworkInterfaceSets: listOf(
        call,
        entries.map((view) => eniJson(call, view)),
      ),
      ...fields,
    };
  },
};

/** All filters must hold. */
function matches(view: EniView, parameters: Parameters): boolean {
  const is = (name: string, value: string) => (parameters.text(name) ?? value) === value;
  const among = (name: string, values: readonly string[]) => {
    const wanted = parameters.list(name);
    return wanted.length === 0 || values.some((value) => wanted.includes(value));
  };
  const group = parameters.text("SecurityGroupId");
  return (
    among("NetworkInterfaceIds", [view.id]) &&
    view.name.includes(parameters.text("NetworkInterfaceName") ?? "") &&
    is("InstanceId", view.instanceId) &&
    is("SubnetId", view.subnetId) &&
    is("VpcId", view.vpcId) &&
    is("ZoneId", view.zoneId) &&
    is("Status", view.status) &&
    is("Type", view.type) &&
    is("ProjectName", "default") &&
    (group === undefined || view.securityGroupIds.includes(group)) &&
    among("PrivateIpAddresses", view.secondaryIps) &&
    among("PrimaryIpAddresses", [view.primaryIp]) &&
    (parameters.flag("ServiceManaged") ?? view.serviceManaged) === view.serviceManaged &&
    matchesTags(view.tags, parameters.filters("TagFilters"))
  );
}

const describeNetworkInterfaceAttributes: Action = {
  service: "vpc",
  mutating: false,
  parameters: { "NetworkInterfaceId*": "text" },
  serve(call) {
    const eni = findEni(call, call.parameters.required("NetworkInterfaceId"));
    return eniJson(call, look(call, eni));
  },
};

export const eniQueries = {
  DescribeNetworkInterfaces: describeNetworkInterfaces,
  DescribeNetworkInterfaceAttributes: describeNetworkInterfaceAttributes,
};
