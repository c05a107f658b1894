// What a test of a whole cloud node is given: the fake cloud, the VPC around it, the node in it, and what init is called with.
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import type { CloudNode } from "./cloud-node.ts";
import type { FakeCloud } from "./fake-cloud.ts";

export type World = AsyncDisposable & {
  readonly platform: "gke" | "volcengine";
  readonly node: CloudNode;
  readonly fake: FakeCloud;
  /** The VPC's namespace. */
  readonly vpc: NetworkNamespace;
  readonly subnet: string;
  /** Another host of the VPC. */
  readonly host: string;
  /** The node's own address. */
  readonly nodeAddress: string;
  /** Addresses that the usual init asks for. */
  readonly poolSize: number;
  /** Parameters of the usual `cocoon-net init`. */
  readonly init: readonly string[];
  /** What was left of ours, or was done to what is not ours; empty when the cloud is as it was. */
  leftovers(): Promise<readonly string[]>;
  /** Throws when the machine could not follow the cloud. */
  check(): void;
};

export const cloudMain = (cloud: "gce" | "volcengine"): string =>
  new URL(`../clouds/${cloud}/main.ts`, import.meta.url).pathname;
