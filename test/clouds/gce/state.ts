// The whole state of a fake Compute Engine, and the two changes that callers may make to it.

import { ChangeFeed } from "#test/clouds/shared/change-feed.ts";
import { CloudClock } from "#test/clouds/shared/clock.ts";
import {
  checkChange,
  checkUnchanged,
  conflicting,
  aliasKey,
  parseAliases,
  reorders,
} from "./alias-change.ts";
import { type Cidr, cidr } from "./cidr.ts";
import { operationInProgress, resourceNotReady } from "./errors.ts";
import { Identity } from "./identity.ts";
import { type Operation, type OperationFailure, Operations } from "./operation.ts";
import { Rate } from "./rate.ts";
import { type Fields, checkFingerprint } from "./request.ts";
import { instanceJson, subnetworkJson } from "./resource-json.ts";
import {
  type Instance,
  type Interface,
  Resources,
  type Subnetwork,
  interfaceFingerprint,
  subnetworkFingerprint,
} from "./resources.ts";
import { type AliasIpRange, DEFAULT_OPTIONS, type Options, type Scenario } from "./scenario.ts";
import {
  checkOtherFields,
  checkRanges,
  parseSecondaryRanges,
  takenRanges,
} from "./secondary-ranges.ts";

/** What the machine around the fake has to follow. */
export type GceChange =
  | {
      readonly kind: "aliases";
      readonly instance: string;
      readonly interface: string;
      readonly mac: string;
      readonly networkIP: string;
      /** Ranges in CIDR form. */
      readonly added: readonly string[];
      readonly removed: readonly string[];
    }
  | { readonly kind: "instance"; readonly instance: string; readonly id: string }
  | { readonly kind: "secondary-ranges"; readonly subnetwork: string }
  /** What the metadata server shows of the instance is different now. */
  | { readonly kind: "metadata"; readonly instance: string };

interface Held {
  readonly range: Cidr;
  readonly instance: Instance;
  readonly until: number;
}

const failure = (code: string, message: string, status: number, text: string) =>
  ({ code, message, httpErrorStatusCode: status, httpErrorMessage: text }) as const;

export class GceState {
  readonly initial: Scenario;
  readonly clock: CloudClock;
  readonly resources: Resources;
  readonly operations: Operations;
  readonly identity: Identity;
  readonly rate = new Rate();
  readonly changes = new ChangeFeed<GceChange>();
  /** Interfaces whose entries a caller put in another order: `instance/nic`. */
  readonly reordered = new Set<string>();
  options: Options;
  #held: Held[] = [];

  constructor(scenario: Scenario) {
    this.initial = structuredClone(scenario);
    this.clock = new CloudClock(scenario.now);
    this.options = { ...DEFAULT_OPTIONS, ...scenario.options };
    this.resources = new Resources(scenario);
    const now = () => this.clock.now();
    this.operations = new Operations(() => this.options, now);
    this.identity = new Identity(scenario.permissions, now);
  }

  /** Accepts a change of an interface's aliases; throws what the API refuses at once. */
  updateInterface(
    instance: Instance,
    nic: Interface,
    fields: Fields,
    requestId: string | undefined,
  ): Operation {
    const { options, resources } = this;
    const stale = () => fields["fingerprint"] !== interfaceFingerprint(instance, nic);
    checkFingerprint(
      fields,
      options.staleFingerprint === "request" ? interfaceFingerprint(instance, nic) : undefined,
    );
    if (!["RUNNING", "STOPPED", "TERMINATED", "SUSPENDED"].includes(instance.status))
      throw resourceNotReady(instance.path);
    if (this.operations.busy(instance.path)) throw operationInProgress(instance.path);
    const shown = instanceJson(resources, instance)["networkInterfaces"] as readonly Fields[];
    checkUnchanged(fields, shown[instance.interfaces.indexOf(nic)] ?? {});
    const list = fields["aliasIpRanges"];
    const wanted = list === undefined ? undefined : parseAliases(list, nic, takenRanges(resources));
    if (wanted !== undefined && !stale()) checkChange(nic, wanted, options);
    return this.operations.begin({
      scope: `projects/${resources.scenario.project}/zones/${instance.zone}`,
      type: "updateNetworkInterface",
      target: instance.path,
      targetId: instance.id,
      requestId,
      carryOut: () => {
        if (!resources.instances.includes(instance))
          return failure(
            "RESOURCE_NOT_FOUND",
            `The resource '${instance.path}' was not found`,
            404,
            "NOT FOUND",
          );
        if (stale())
          return failure(
            "CONDITION_NOT_MET",
            "Supplied fingerprint does not match current metadata fingerprint.",
            412,
            "PRECONDITION FAILED",
          );
        return wanted === undefined ? undefined : this.#setAliases(instance, nic, wanted);
      },
    });
  }

  #setAliases(
    instance: Instance,
    nic: Interface,
    wanted: readonly AliasIpRange[],
  ): OperationFailure | undefined {
    const { resources, options } = this;
    const before = new Set(nic.aliases.map(aliasKey));
    const added = wanted.filter((alias) => !before.has(aliasKey(alias)));
    this.#held = this.#held.filter(({ until }) => until > this.clock.now());
    const held = this.#held.filter((each) => each.instance !== instance).map(({ range }) => range);
    const clash = conflicting(added, nic, resources.interfaces(), held);
    if (clash !== undefined)
      return failure(
        "IP_IN_USE_BY_ANOTHER_RESOURCE",
        `IP '${clash.ipCidrRange}' is already being used by another resource.`,
        400,
        "BAD REQUEST",
      );
    const total = [...resources.interfaces()].reduce(
      (sum, each) => sum + each.nic.aliases.length,
      0,
    );
    if (added.length > 0 && total + added.length > options.aliasesPerNetwork)
      return failure(
        "QUOTA_EXCEEDED",
        `Quota 'ALIASES_PER_NETWORK_GLOBAL' exceeded.  Limit: ${options.aliasesPerNetwork}.0 globally.`,
        403,
        "FORBIDDEN",
      );
    this.replaceAliases(instance, nic, wanted);
    return undefined;
  }

  /** Puts the list in place, whoever wants it. */
  replaceAliases(instance: Instance, nic: Interface, wanted: readonly AliasIpRange[]): void {
    const [before, after] = [nic.aliases, wanted].map((list) => new Set(list.map(aliasKey)));
    const ranges = (list: readonly AliasIpRange[], without: ReadonlySet<string> | undefined) =>
      list.filter((one) => !without?.has(aliasKey(one))).map(({ ipCidrRange }) => ipCidrRange);
    const [added, removed] = [ranges(wanted, before), ranges(nic.aliases, after)];
    if (reorders(nic.aliases, wanted)) this.reordered.add(`${instance.name}/${nic.name}`);
    const until = this.clock.now() + this.options.transferSeconds * 1_000;
    this.#held.push(...removed.map((range) => ({ range: cidr(range), instance, until })));
    if (nic.lag === 0) nic.shown = nic.aliases;
    nic.aliases = wanted;
    nic.generation += 1;
    nic.lag = this.options.metadataLag;
    if (nic.lag === 0) nic.shown = wanted;
    this.changes.emit({
      kind: "aliases",
      instance: instance.name,
      interface: nic.name,
      mac: nic.mac,
      networkIP: nic.networkIP,
      added,
      removed,
    });
    if (nic.lag === 0) this.changes.emit({ kind: "metadata", instance: instance.name });
  }

  /** Accepts a change of a subnetwork's secondary ranges; throws what the API refuses at once. */
  patchSubnetwork(
    subnetwork: Subnetwork,
    fields: Fields,
    requestId: string | undefined,
  ): Operation {
    const { resources, options } = this;
    checkFingerprint(fields, subnetworkFingerprint(subnetwork));
    if (this.operations.busy(subnetwork.path)) throw resourceNotReady(subnetwork.path);
    checkOtherFields(fields, subnetworkJson(resources, subnetwork));
    const list = fields["secondaryIpRanges"];
    const wanted = list === undefined ? undefined : parseSecondaryRanges(list);
    if (wanted !== undefined) checkRanges(resources, subnetwork, wanted, options);
    return this.operations.begin({
      scope: `projects/${subnetwork.project}/regions/${subnetwork.region}`,
      type: "compute.subnetworks.patch",
      target: subnetwork.path,
      targetId: subnetwork.id,
      requestId,
      carryOut: () => {
        if (wanted === undefined) return undefined;
        subnetwork.secondaryIpRanges = wanted;
        subnetwork.generation += 1;
        this.changes.emit({ kind: "secondary-ranges", subnetwork: subnetwork.name });
        return undefined;
      },
    });
  }
}
