// Instances and subnetworks as the API shows them.

import { cidr, formatCidr } from "./cidr.ts";
import {
  type Instance,
  type Interface,
  type Resources,
  type Subnetwork,
  fingerprintOf,
  interfaceFingerprint,
  subnetworkFingerprint,
} from "./resources.ts";

const BASE = "https://www.googleapis.com/compute/v1/";
const CREATED = "2026-01-02T03:04:05.678-08:00";

const networkUrl = ({ scenario }: Resources, subnetwork: Subnetwork): string =>
  `${BASE}projects/${subnetwork.project}/global/networks/${scenario.network}`;

/** `aliasIpRanges` is absent when there are none. */
function interfaceJson(resources: Resources, instance: Instance, nic: Interface) {
  return {
    kind: "compute#networkInterface",
    network: networkUrl(resources, nic.subnetwork),
    subnetwork: `${BASE}${nic.subnetwork.path}`,
    networkIP: nic.networkIP,
    name: nic.name,
    ...(nic.aliases.length === 0 ? {} : { aliasIpRanges: nic.aliases }),
    fingerprint: interfaceFingerprint(instance, nic),
    stackType: "IPV4_ONLY",
  };
}

/** The instance has a fingerprint too, which is not that of an interface. */
export function instanceJson(resources: Resources, instance: Instance): Record<string, unknown> {
  const { scenario } = resources;
  return {
    kind: "compute#instance",
    id: instance.id,
    creationTimestamp: CREATED,
    name: instance.name,
    tags: { fingerprint: "42WmSpB8rSM=" },
    machineType: `${BASE}projects/${scenario.project}/zones/${instance.zone}/machineTypes/n2-standard-4`,
    status: instance.status,
    zone: `${BASE}projects/${scenario.project}/zones/${instance.zone}`,
    canIpForward: instance.canIpForward,
    networkInterfaces: instance.interfaces.map((nic) => interfaceJson(resources, instance, nic)),
    ...(instance.scopes.length === 0
      ? {}
      : { serviceAccounts: [{ email: serviceAccount(resources), scopes: instance.scopes }] }),
    fingerprint: fingerprintOf(instance.id, 0),
    selfLink: `${BASE}${instance.path}`,
  };
}

export const serviceAccount = ({ scenario }: Resources): string =>
  `${scenario.projectNumber}-compute@developer.gserviceaccount.com`;

/** `secondaryIpRanges` is absent when there are none. */
export function subnetworkJson(
  resources: Resources,
  subnetwork: Subnetwork,
): Record<string, unknown> {
  const range = cidr(subnetwork.ipCidrRange);
  return {
    kind: "compute#subnetwork",
    id: subnetwork.id,
    creationTimestamp: CREATED,
    name: subnetwork.name,
    network: networkUrl(resources, subnetwork),
    ipCidrRange: subnetwork.ipCidrRange,
    gatewayAddress: formatCidr({ first: range.first + 1, length: 32 }).replace("/32", ""),
    region: `${BASE}projects/${subnetwork.project}/regions/${subnetwork.region}`,
    selfLink: `${BASE}${subnetwork.path}`,
    privateIpGoogleAccess: true,
    ...(subnetwork.secondaryIpRanges.length === 0
      ? {}
      : { secondaryIpRanges: subnetwork.secondaryIpRanges }),
    fingerprint: subnetworkFingerprint(subnetwork),
    purpose: "PRIVATE",
    stackType: "IPV4_ONLY",
  };
}
