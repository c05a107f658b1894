// What a fake project looks like when it begins: plain data, so that a file can hold it.

/** As in the API; from the subnetwork's primary range when no range is named. */
export interface AliasIpRange {
  readonly ipCidrRange: string;
  readonly subnetworkRangeName?: string;
}

export interface SecondaryIpRange {
  readonly rangeName: string;
  readonly ipCidrRange: string;
}

export interface SubnetworkScenario {
  readonly name: string;
  readonly region: string;
  /** The Shared VPC host project; the scenario's project when absent. */
  readonly project?: string;
  readonly ipCidrRange: string;
  readonly secondaryIpRanges?: readonly SecondaryIpRange[];
}

export interface InterfaceScenario {
  readonly networkIP: string;
  /** A subnetwork's name. */
  readonly subnetwork: string;
  readonly mac: string;
  /** 1460 when absent. */
  readonly mtu?: number;
  /** They are foreign: the caller must leave them and their order alone. */
  readonly aliasIpRanges?: readonly AliasIpRange[];
}

export interface InstanceScenario {
  readonly name: string;
  readonly zone: string;
  /** A uint64 in decimal; made up when absent. */
  readonly id?: string;
  /** RUNNING when absent. */
  readonly status?: string;
  /** false when absent. */
  readonly canIpForward?: boolean;
  /** OAuth scopes of the service account; cloud-platform when absent. */
  readonly scopes?: readonly string[];
  /** nic0, nic1, … */
  readonly networkInterfaces: readonly InterfaceScenario[];
}

export interface Options {
  /** Calls to the API, polls of the operation included, until an operation is RUNNING and until it is DONE. */
  readonly callsUntilRunning: number;
  readonly callsUntilDone: number;
  /** Where a stale fingerprint shows: 412 at once, or as the error of the operation after a 200. */
  readonly staleFingerprint: "request" | "operation";
  /** Whether one change may remove and add alias ranges. */
  readonly mixedAliasChanges: "refused" | "allowed";
  readonly aliasesPerInterface: number;
  /** Quota ALIASES_PER_NETWORK_GLOBAL: ranges, whatever their size. */
  readonly aliasesPerNetwork: number;
  readonly secondaryRangesPerSubnetwork: number;
  /** Calls of the project in a minute of the clock. */
  readonly requestsPerMinute: number;
  /** How too many calls are answered: 403 rateLimitExceeded, or 429 with Retry-After. */
  readonly throttle: "403" | "429";
  readonly retryAfterSeconds: number;
  /** The status of the `fail-before` fault. */
  readonly failure: "500" | "503";
  /** Reads of an interface's metadata that still show the old aliases after a change. */
  readonly metadataLag: number;
  /** For how long a removed range is still in use for every other instance. */
  readonly transferSeconds: number;
  readonly tokenSeconds: number;
  /** Whether the metadata server has `network-interfaces/N/subnetwork`, which no reference lists. */
  readonly metadataSubnetwork: boolean;
}

export const DEFAULT_OPTIONS: Options = {
  callsUntilRunning: 1,
  callsUntilDone: 2,
  staleFingerprint: "request",
  mixedAliasChanges: "refused",
  aliasesPerInterface: 150,
  aliasesPerNetwork: 15_000,
  secondaryRangesPerSubnetwork: 170,
  requestsPerMinute: 1_500,
  throttle: "403",
  retryAfterSeconds: 1,
  failure: "503",
  metadataLag: 0,
  transferSeconds: 0,
  tokenSeconds: 3_600,
  metadataSubnetwork: false,
};

export interface Scenario {
  readonly project: string;
  readonly projectNumber: string;
  readonly network: string;
  readonly zones: readonly string[];
  readonly subnetworks: readonly SubnetworkScenario[];
  readonly instances: readonly InstanceScenario[];
  /** Ranges of peered networks, which no secondary range may overlap. */
  readonly peeredRanges?: readonly string[];
  /** What the service account may do, project by project; a project that is not named allows nothing. */
  readonly permissions: Readonly<Record<string, readonly string[]>>;
  readonly options?: Partial<Options>;
  /** Milliseconds since 1970 at which time stands still until it is moved; absent: the machine's time. */
  readonly now?: number;
}

export const SCOPE_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform";
export const SCOPE_COMPUTE = "https://www.googleapis.com/auth/compute";
export const SCOPE_COMPUTE_READONLY = "https://www.googleapis.com/auth/compute.readonly";

/** Every permission that the fake asks for. */
export const ALL_PERMISSIONS = [
  "compute.instances.get",
  "compute.instances.list",
  "compute.instances.updateNetworkInterface",
  "compute.zoneOperations.get",
  "compute.zoneOperations.list",
  "compute.regionOperations.get",
  "compute.regionOperations.list",
  "compute.subnetworks.get",
  "compute.subnetworks.use",
  "compute.subnetworks.update",
] as const;

/** Node number 1 to 250 of a cluster with alias IPs: its pod range is its first alias. */
export const gkeNode = (number: number): InstanceScenario => ({
  name: `gke-demo-pool-${number}`,
  zone: "us-central1-a",
  id: `72340172838076${number}00`,
  canIpForward: true,
  networkInterfaces: [
    {
      networkIP: `10.128.0.${number + 1}`,
      subnetwork: "nodes",
      mac: `42:01:0a:80:00:${(number + 1).toString(16).padStart(2, "0")}`,
      aliasIpRanges: [{ ipCidrRange: `10.4.${number}.0/24`, subnetworkRangeName: "gke-demo-pods" }],
    },
  ],
});

/**
 * Two nodes of a cluster; the node subnetwork has the cluster's ranges for pods and services, and room for one of ours.
 */
export function gkeScenario(change: Partial<Scenario> = {}): Scenario {
  return {
    project: "demo-project",
    projectNumber: "271828182845",
    network: "demo",
    zones: ["us-central1-a", "us-central1-b"],
    subnetworks: [
      {
        name: "nodes",
        region: "us-central1",
        ipCidrRange: "10.128.0.0/20",
        secondaryIpRanges: [
          { rangeName: "gke-demo-pods", ipCidrRange: "10.4.0.0/14" },
          { rangeName: "gke-demo-services", ipCidrRange: "10.8.0.0/20" },
        ],
      },
    ],
    instances: [gkeNode(1), gkeNode(2)],
    permissions: { "demo-project": ALL_PERMISSIONS },
    ...change,
  };
}
