// The methods of the API that this fake has, each with its path, its parameters and the permission it wants.

import type { Answer, Exchange } from "#test/clouds/shared/http-server.ts";
import { INTERFACE_FIELDS } from "./alias-change.ts";
import { invalid, json, parseError, required } from "./errors.ts";
import { listInstances, listOperations } from "./lists.ts";
import { operationAnswer } from "./operation.ts";
import { bodyOf, requestIdOf } from "./request.ts";
import { instanceJson, serviceAccount, subnetworkJson } from "./resource-json.ts";
import { SUBNETWORK_FIELDS } from "./secondary-ranges.ts";
import type { GceState } from "./state.ts";

export interface Match {
  /** Behind `/compute/v1/`; for `serve` without the custom verb at its end. */
  readonly path: string;
  /** The variable parts of the path, by name. */
  readonly parts: Readonly<Record<string, string>>;
}

export interface Method {
  /** As client libraries call it, for example `instances.get`. */
  readonly action: string;
  readonly verb: "GET" | "POST" | "PATCH";
  /** Behind `/compute/v1/`, with its variable parts in braces. */
  readonly path: string;
  readonly mutating: boolean;
  readonly query: readonly string[];
  /** On the resource of the path; absent where none is needed. */
  readonly permission?: string;
  serve(state: GceState, exchange: Exchange, match: Match): Answer;
}

const INSTANCE = "projects/{project}/zones/{zone}/instances/{instance}";
const SUBNETWORK = "projects/{project}/regions/{region}/subnetworks/{subnetwork}";
const LIST_QUERY = ["maxResults", "pageToken", "filter", "orderBy", "returnPartialSuccess"];
/** Permissions that can be asked for at one time. */
const MAX_PERMISSIONS = 100;

function testPermissions(state: GceState, exchange: Exchange, { parts }: Match): Answer {
  const { permissions } = bodyOf(exchange, ["permissions"]);
  if (!Array.isArray(permissions) || permissions.length > MAX_PERMISSIONS) throw parseError();
  const granted = permissions.map(String).filter((permission) => {
    if (!/^compute\.[A-Za-z]+\.[A-Za-z]+$/.test(permission))
      throw invalid("permissions", permission, "Permission is not valid for this resource.");
    return state.identity.may(parts["project"] ?? "", permission);
  });
  return json(granted.length === 0 ? {} : { permissions: granted });
}

function operationMethods(
  collection: "zoneOperations" | "regionOperations",
  scope: string,
): readonly Method[] {
  const show = (state: GceState, { path }: Match): Answer => {
    const [scopePath = "", name = ""] = path.split("/operations/");
    return operationAnswer(state.operations.get(scopePath, name), serviceAccount(state.resources));
  };
  const base = { query: [], mutating: false, permission: `compute.${collection}.get` };
  return [
    {
      ...base,
      action: `${collection}.get`,
      verb: "GET",
      path: `${scope}/operations/{operation}`,
      serve: (state, _, match) => show(state, match),
    },
    {
      ...base,
      // The server may answer before the operation has ended, and this one always does.
      action: `${collection}.wait`,
      verb: "POST",
      path: `${scope}/operations/{operation}/wait`,
      serve(state, { body }, match) {
        if (!["", "{}", '""'].includes(body.trim())) throw parseError();
        return show(state, match);
      },
    },
    {
      ...base,
      action: `${collection}.list`,
      verb: "GET",
      path: `${scope}/operations`,
      query: LIST_QUERY,
      permission: `compute.${collection}.list`,
      serve: listOperations,
    },
  ];
}

export const methods: readonly Method[] = [
  {
    action: "instances.get",
    verb: "GET",
    path: INSTANCE,
    mutating: false,
    query: [],
    permission: "compute.instances.get",
    serve: ({ resources }, _, { path }) => json(instanceJson(resources, resources.instance(path))),
  },
  {
    action: "instances.updateNetworkInterface",
    verb: "PATCH",
    path: `${INSTANCE}/updateNetworkInterface`,
    mutating: true,
    query: ["networkInterface", "requestId"],
    permission: "compute.instances.updateNetworkInterface",
    serve(state, exchange, { path }) {
      const instance = state.resources.instance(path);
      const name = exchange.url.searchParams.get("networkInterface");
      if (name === null || name === "") throw required("networkInterface");
      const nic = instance.interfaces.find((each) => each.name === name);
      if (nic === undefined)
        throw invalid("networkInterface", name, "The instance has no such network interface.");
      state.identity.authorize("compute.subnetworks.use", nic.subnetwork.path);
      const fields = bodyOf(exchange, INTERFACE_FIELDS);
      const operation = state.updateInterface(instance, nic, fields, requestIdOf(exchange));
      return operationAnswer(operation, serviceAccount(state.resources));
    },
  },
  {
    action: "instances.testIamPermissions",
    verb: "POST",
    path: `${INSTANCE}/testIamPermissions`,
    mutating: false,
    query: [],
    serve(state, exchange, match) {
      state.resources.instance(match.path);
      return testPermissions(state, exchange, match);
    },
  },
  {
    action: "instances.aggregatedList",
    verb: "GET",
    path: "projects/{project}/aggregated/instances",
    mutating: false,
    query: [...LIST_QUERY, "includeAllScopes"],
    permission: "compute.instances.list",
    serve: listInstances,
  },
  {
    action: "subnetworks.get",
    verb: "GET",
    path: SUBNETWORK,
    mutating: false,
    query: [],
    permission: "compute.subnetworks.get",
    serve: ({ resources }, _, { path }) =>
      json(subnetworkJson(resources, resources.subnetwork(path))),
  },
  {
    action: "subnetworks.patch",
    verb: "PATCH",
    path: SUBNETWORK,
    mutating: true,
    query: ["requestId", "drainTimeoutSeconds"],
    permission: "compute.subnetworks.update",
    serve(state, exchange, { path }) {
      const subnetwork = state.resources.subnetwork(path);
      const fields = bodyOf(exchange, SUBNETWORK_FIELDS);
      const operation = state.patchSubnetwork(subnetwork, fields, requestIdOf(exchange));
      return operationAnswer(operation, serviceAccount(state.resources));
    },
  },
  {
    action: "subnetworks.testIamPermissions",
    verb: "POST",
    path: `${SUBNETWORK}/testIamPermissions`,
    mutating: false,
    query: [],
    serve(state, exchange, match) {
      state.resources.subnetwork(match.path);
      return testPermissions(state, exchange, match);
    },
  },
  ...operationMethods("zoneOperations", "projects/{project}/zones/{zone}"),
  ...operationMethods("regionOperations", "projects/{project}/regions/{region}"),
];
