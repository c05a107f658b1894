// The resources of a fake project: instances with interfaces, and subnetworks with ranges.

import { createHash, randomBytes } from "node:crypto";
import { GceError, invalid, notFound } from "./errors.ts";
import {
  type AliasIpRange,
  type InstanceScenario,
  SCOPE_CLOUD_PLATFORM,
  type Scenario,
  type SecondaryIpRange,
} from "./scenario.ts";

export interface Subnetwork {
  /** `projects/P/regions/R/subnetworks/S`. */
  readonly path: string;
  readonly name: string;
  readonly project: string;
  readonly region: string;
  readonly id: string;
  readonly ipCidrRange: string;
  secondaryIpRanges: readonly SecondaryIpRange[];
  /** Counts changes: the fingerprint is made of it. */
  generation: number;
}

export interface Interface {
  readonly name: string;
  readonly subnetwork: Subnetwork;
  readonly networkIP: string;
  readonly mac: string;
  readonly mtu: number;
  aliases: readonly AliasIpRange[];
  /** The aliases that others made, in the order in which they must stay. */
  foreign: readonly AliasIpRange[];
  generation: number;
  /** What the metadata server shows, and how many reads it still does. */
  shown: readonly AliasIpRange[];
  lag: number;
}

export interface Instance {
  /** `projects/P/zones/Z/instances/I`. */
  readonly path: string;
  readonly name: string;
  readonly zone: string;
  readonly id: string;
  readonly scopes: readonly string[];
  readonly canIpForward: boolean;
  readonly interfaces: readonly Interface[];
  status: string;
}

export const makeId = (): string => (randomBytes(8).readBigUInt64BE() >> 1n).toString();

/** Base64 of eight bytes, another one after each change. */
export const fingerprintOf = (owner: string, generation: number): string =>
  createHash("sha256").update(`${owner}#${generation}`).digest().subarray(0, 8).toString("base64");

export const interfaceFingerprint = (instance: Instance, nic: Interface): string =>
  fingerprintOf(`${instance.id}/${nic.name}`, nic.generation);

export const subnetworkFingerprint = (subnetwork: Subnetwork): string =>
  fingerprintOf(subnetwork.path, subnetwork.generation);

const regionOf = (zone: string): string => zone.replace(/-[^-]+$/, "");

export class Resources {
  readonly scenario: Scenario;
  readonly subnetworks: readonly Subnetwork[];
  readonly instances: Instance[];

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.subnetworks = scenario.subnetworks.map((subnetwork) => {
      const { name, region, project = scenario.project } = subnetwork;
      return {
        path: `projects/${project}/regions/${region}/subnetworks/${name}`,
        name,
        project,
        region,
        id: makeId(),
        ipCidrRange: subnetwork.ipCidrRange,
        secondaryIpRanges: subnetwork.secondaryIpRanges ?? [],
        generation: 0,
      };
    });
    this.instances = scenario.instances.map((instance) => this.#make(instance));
  }

  #make(scenario: InstanceScenario): Instance {
    const { name, zone } = scenario;
    return {
      path: `projects/${this.scenario.project}/zones/${zone}/instances/${name}`,
      name,
      zone,
      id: scenario.id ?? makeId(),
      scopes: scenario.scopes ?? [SCOPE_CLOUD_PLATFORM],
      canIpForward: scenario.canIpForward ?? false,
      status: scenario.status ?? "RUNNING",
      interfaces: scenario.networkInterfaces.map((nic, index) => {
        const subnetwork = this.subnetworks.find(
          (each) => each.name === nic.subnetwork && each.region === regionOf(zone),
        );
        if (subnetwork === undefined)
          throw new TypeError(`scenario: ${name} is in no known subnetwork: ${nic.subnetwork}`);
        const aliases = nic.aliasIpRanges ?? [];
        return {
          name: `nic${index}`,
          subnetwork,
          networkIP: nic.networkIP,
          mac: nic.mac,
          mtu: nic.mtu ?? 1_460,
          aliases,
          foreign: aliases,
          generation: 0,
          shown: aliases,
          lag: 0,
        };
      }),
    };
  }

  /** The same name, another machine: a new ID, and only the aliases of the template. */
  recreate(name: string): Instance {
    const old = this.instanceNamed(name);
    const scenario = this.scenario.instances.find((each) => each.name === name);
    if (scenario === undefined) throw new TypeError(`scenario: there is no instance ${name}`);
    const made = this.#make({ ...scenario, id: makeId() });
    this.instances.splice(this.instances.indexOf(old), 1, made);
    return made;
  }

  /** For the fake's own use: throws a plain error. */
  instanceNamed(name: string): Instance {
    const found = this.instances.find((instance) => instance.name === name);
    if (found === undefined) throw new TypeError(`there is no instance ${name}`);
    return found;
  }

  subnetworkNamed(name: string): Subnetwork {
    const found = this.subnetworks.find((subnetwork) => subnetwork.name === name);
    if (found === undefined) throw new TypeError(`there is no subnetwork ${name}`);
    return found;
  }

  checkProject(project: string): void {
    if (
      project !== this.scenario.project &&
      !this.subnetworks.some((each) => each.project === project)
    )
      throw new GceError({
        code: 404,
        message: `Failed to find project ${project}`,
        reason: "notFound",
      });
  }

  checkZone(zone: string): void {
    if (!this.scenario.zones.includes(zone)) throw invalid("zone", zone, "Unknown zone.");
  }

  checkRegion(region: string): void {
    const known = [
      ...this.scenario.zones.map(regionOf),
      ...this.subnetworks.map((each) => each.region),
    ];
    if (!known.includes(region)) throw invalid("region", region, "Unknown region.");
  }

  instance(path: string): Instance {
    const found = this.instances.find((each) => each.path === path);
    if (found === undefined) throw notFound(path);
    return found;
  }

  subnetwork(path: string): Subnetwork {
    const found = this.subnetworks.find((each) => each.path === path);
    if (found === undefined) throw notFound(path);
    return found;
  }

  /** Every interface of the project with its instance. */
  *interfaces(): Generator<{ readonly instance: Instance; readonly nic: Interface }> {
    for (const instance of this.instances)
      for (const nic of instance.interfaces) yield { instance, nic };
  }
}
