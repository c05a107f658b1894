// The calls to Compute Engine that provisioning makes, typed; nothing else goes over its wire.

import type * as z from "zod/mini";
import {
  type Alias,
  type Instance,
  type InstanceList,
  type Operation,
  type SecondaryRange,
  type Subnetwork,
  type SubnetworkReference,
  answers,
  parseAnswer,
} from "./resources.ts";
import type { ApiRequest, Transport } from "./transport.ts";

export interface InstanceReference {
  readonly project: string;
  readonly zone: string;
  readonly name: string;
}

/** Where an operation is kept. */
export type OperationScope =
  | { readonly project: string; readonly zone: string }
  | { readonly project: string; readonly region: string };

/** Instances on a page when the owner of a range is looked for. */
const PAGE = "200";

/** Repeated requests to change something carry the same ID: the cloud makes the change once. */
export interface Change {
  readonly fingerprint: string;
  readonly requestId: string;
}

export class ComputeApi {
  readonly #transport: Pick<Transport, "call">;

  constructor(transport: Pick<Transport, "call">) {
    this.#transport = transport;
  }

  instance(reference: InstanceReference, signal: AbortSignal): Promise<Instance> {
    const path = instancePath(reference);
    return this.#call({ name: "instances.get", method: "GET", path }, answers.instance, signal);
  }

  subnetwork(reference: SubnetworkReference, signal: AbortSignal): Promise<Subnetwork> {
    const path = subnetworkPath(reference);
    return this.#call({ name: "subnetworks.get", method: "GET", path }, answers.subnetwork, signal);
  }

  /** The whole list is replaced; an empty one is sent as such, since an absent one changes nothing. */
  updateAliases(
    reference: InstanceReference,
    networkInterface: string,
    aliasIpRanges: readonly Alias[],
    { fingerprint, requestId }: Change,
    signal: AbortSignal,
  ): Promise<Operation> {
    const request: ApiRequest = {
      name: "instances.updateNetworkInterface",
      method: "PATCH",
      path: [...instancePath(reference), "updateNetworkInterface"],
      query: { networkInterface, requestId },
      body: { fingerprint, aliasIpRanges },
    };
    return this.#call(request, answers.operation, signal);
  }

  /** The whole list is replaced. */
  updateRanges(
    reference: SubnetworkReference,
    secondaryIpRanges: readonly SecondaryRange[],
    { fingerprint, requestId }: Change,
    signal: AbortSignal,
  ): Promise<Operation> {
    const request: ApiRequest = {
      name: "subnetworks.patch",
      method: "PATCH",
      path: subnetworkPath(reference),
      query: { requestId },
      body: { fingerprint, secondaryIpRanges },
    };
    return this.#call(request, answers.operation, signal);
  }

  /** Answers when the operation has ended, or earlier (the cloud waits at most two minutes). */
  waitOperation(scope: OperationScope, name: string, signal: AbortSignal): Promise<Operation> {
    const path = [...operationsPath(scope), name, "wait"];
    const request = { name: `${collection(scope)}.wait`, method: "POST", path } as const;
    return this.#call(request, answers.operation, signal);
  }

  /** The operation that a request ID began. */
  async operationOf(
    scope: OperationScope,
    requestId: string,
    signal: AbortSignal,
  ): Promise<Operation | undefined> {
    const request: ApiRequest = {
      name: `${collection(scope)}.list`,
      method: "GET",
      path: operationsPath(scope),
      query: { filter: `clientOperationId = "${requestId}"` },
    };
    const { items } = await this.#call(request, answers.operationList, signal);
    return items.find(({ clientOperationId }) => clientOperationId === requestId);
  }

  /** One page of all instances of a project. */
  instances(
    project: string,
    pageToken: string | undefined,
    signal: AbortSignal,
  ): Promise<InstanceList> {
    const request: ApiRequest = {
      name: "instances.aggregatedList",
      method: "GET",
      path: ["projects", project, "aggregated", "instances"],
      query: { maxResults: PAGE, ...(pageToken === undefined ? {} : { pageToken }) },
    };
    return this.#call(request, answers.instanceList, signal);
  }

  /** Those of the permissions that the caller has on the instance. */
  instancePermissions(
    reference: InstanceReference,
    wanted: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const path = [...instancePath(reference), "testIamPermissions"];
    return this.#permissions("instances.testIamPermissions", path, wanted, signal);
  }

  subnetworkPermissions(
    reference: SubnetworkReference,
    wanted: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const path = [...subnetworkPath(reference), "testIamPermissions"];
    return this.#permissions("subnetworks.testIamPermissions", path, wanted, signal);
  }

  async #permissions(
    name: string,
    path: readonly string[],
    permissions: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const request: ApiRequest = { name, method: "POST", path, body: { permissions } };
    return (await this.#call(request, answers.permissions, signal)).permissions;
  }

  async #call<Schema extends z.ZodMiniType>(
    request: ApiRequest,
    schema: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> {
    return parseAnswer(request.name, schema, await this.#transport.call(request, signal));
  }
}

const instancePath = ({ project, zone, name }: InstanceReference) => [
  "projects",
  project,
  "zones",
  zone,
  "instances",
  name,
];

const subnetworkPath = ({ project, region, name }: SubnetworkReference) => [
  "projects",
  project,
  "regions",
  region,
  "subnetworks",
  name,
];

const collection = (scope: OperationScope): string =>
  "zone" in scope ? "zoneOperations" : "regionOperations";

const operationsPath = (scope: OperationScope): readonly string[] => [
  "projects",
  scope.project,
  ...("zone" in scope ? ["zones", scope.zone] : ["regions", scope.region]),
  "operations",
];
