// What a cloud is to provisioning: rules that decide (pure), and access that reads and changes (one call at a time).

import type { Ip } from "#core/address.ts";
import type { Prefix } from "#core/prefix.ts";
import type { Attachment, NodeIdentity, Notes, Provisioning } from "./journal.ts";
import type { Step } from "./plan.ts";
import type { PoolFile } from "./pool-file.ts";

/** What init was asked for, with the defaults of spec section 2 filled in. */
export interface Goal {
  readonly nodeName: string;
  /** IPv4, /8 to /30, checked not to overlap an address of another interface. */
  readonly subnet: Prefix;
  readonly gateway: Ip;
  /** Addresses wanted; a cloud gives fewer when its limits say so. */
  readonly poolSize: number;
  /** Security groups of secondary interfaces (Volcengine); empty: those of the primary one. */
  readonly securityGroups: readonly string[];
  readonly authorizeVpcIngress: boolean;
}

/** What teardown may take besides what the journal or our tags name. */
export interface Removal {
  readonly nodeName: string;
  readonly pool: PoolFile | undefined;
  /** Recorded interfaces without our tag, if instance, subnet and name agree. */
  readonly includeUntagged: boolean;
}

/** An ordered list of steps; steps that only keep something are in it, so that a person sees everything. */
export interface CloudPlan {
  readonly steps: readonly CloudStep[];
  readonly warnings: readonly string[];
}

/** One step of a plan, made by exactly the calls that it names. */
export interface CloudStep extends Step {
  /** The same in every run that wants the same thing: `create-eni/3`. Key of the journal and seed of the client token. */
  readonly id: string;
  /** Names of the API's calls that change something, in order, each made once when nothing fails; empty for reads and waits. */
  readonly changes: readonly string[];
  /** Names of the API's calls that only read; how often depends on how long the cloud takes. */
  readonly reads: readonly string[];
  /** Steps of one unit (`eni/3`) stand or fall together; without one, a step is needed by all. */
  readonly unit?: string;
}

/** What a step is given while it is made. */
export interface Run {
  /** UUID (RFC 9562, version 5) of generation, step and attempt: the same again after a crash. */
  readonly token: string;
  /** What an earlier, interrupted run of this step had learned (an operation's name, an interface's ID). */
  readonly before: Notes;
  /** What the finished step of that ID learned. */
  result(stepId: string): Notes | undefined;
  /** Keeps what was learned in the middle of the step; durable when it resolves. */
  note(notes: Notes): Promise<void>;
  /** A token for another attempt whose request differs from the last one's; durable when it resolves. */
  renewToken(): Promise<string>;
  /** Keeps that every request of this run was definitely refused; a doubt that an earlier run left stays one. */
  refused(): Promise<void>;
  /** Says what is being waited for. */
  progress(text: string): void;
  readonly signal: AbortSignal;
}

/** How a step ended. `short`: a limit of the cloud; what stands is used, and the rest is reported as degraded. */
export type StepOutcome =
  | { readonly kind: "done"; readonly notes: Notes }
  | { readonly kind: "short"; readonly reason: string; readonly hint: string };

/** Something that pool.json says and the cloud does not, or the other way round. */
export interface Difference {
  readonly what: string;
  readonly recorded: string;
  readonly found: string;
  readonly hint: string;
  /** Where the difference has a symptom of its own that doctor names. */
  readonly topic?: DifferenceTopic;
}

/** `origin`: the node's block or where it comes from; `leftover`: what is ours, unused, and keeps addresses. */
export type DifferenceTopic = "origin" | "range" | "link" | "ingress" | "leftover" | "agent";

/** What publishing needs of the cloud: everything that pool.json records beside the goal. */
export interface Published {
  readonly primaryNIC: string;
  readonly secondaryNICs: readonly string[];
  readonly ips: readonly Ip[];
  readonly eniIDs: readonly string[];
  readonly subnetID: string;
  readonly aliasRangeName: string;
  /** CIDR notation; traffic to them keeps its source. */
  readonly vpcCIDRs: readonly string[];
  readonly attachments: readonly Attachment[];
  readonly degraded: readonly string[];
}

/** Reads and changes one cloud. Every call has a deadline; errors are BrokerErrors with a `cloud-` code. */
export interface CloudAccess<Seen> {
  /** This machine according to the metadata server; `undefined`: it is not in this cloud. At most 2 s. */
  detect(signal: AbortSignal): Promise<NodeIdentity | undefined>;
  /** Everything that plans depend on; changes nothing. `subnet` is undefined when nothing says which one. */
  observe(scope: Scope, signal: AbortSignal): Promise<Seen>;
  /** Makes one step of a plan. Throws when it failed and running again may help; nothing of it is lost in the journal. */
  perform(step: CloudStep, run: Run): Promise<StepOutcome>;
}

/** What observing is about. */
export interface Scope {
  readonly identity: NodeIdentity;
  readonly nodeName: string;
  readonly subnet: Prefix | undefined;
  readonly securityGroups: readonly string[];
  readonly provisioning: Provisioning | undefined;
  readonly pool: PoolFile | undefined;
  /** For a report, not for a plan: what shows now, without waiting for what is under way or may not show yet. */
  readonly glance?: boolean;
}

/** Decides, without reading or changing anything. Throws BrokerErrors that say the next step. */
export interface CloudRules<Seen> {
  /** From what is there to what is wanted. Empty of changes when it is reached. */
  plan(goal: Goal, seen: Seen, provisioning: Provisioning | undefined): CloudPlan;
  /** From what is there to nothing of ours. */
  planRemoval(removal: Removal, seen: Seen, provisioning: Provisioning | undefined): CloudPlan;
  /** What pool.json says against what is there. */
  compare(pool: PoolFile, seen: Seen): readonly Difference[];
  /** The pool that can be used now. */
  publish(goal: Goal, seen: Seen): Published;
}

export interface Cloud<Seen> {
  readonly platform: "gke" | "volcengine";
  readonly access: CloudAccess<Seen>;
  readonly rules: CloudRules<Seen>;
}
