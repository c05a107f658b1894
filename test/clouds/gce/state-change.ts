// What happens to a fake project without its caller: others change it, time passes, permissions come and go.

import { instanceJson, subnetworkJson } from "./resource-json.ts";
import type { AliasIpRange, Options } from "./scenario.ts";
import type { GceState } from "./state.ts";

/** Bodies of `POST /state-change`; `interface` is nic0 when absent. */
export type StateChange =
  | { readonly kind: "move-clock"; readonly seconds: number }
  /** Another tool adds an alias at the end, or takes it away: the fingerprint changes. */
  | {
      readonly kind: "add-foreign-alias" | "remove-foreign-alias";
      readonly instance: string;
      readonly interface?: string;
      readonly alias: AliasIpRange;
    }
  /** Another tool changed something that is not an alias. */
  | { readonly kind: "mutate-fingerprint"; readonly instance: string; readonly interface?: string }
  | { readonly kind: "mutate-subnetwork-fingerprint"; readonly subnetwork: string }
  | {
      readonly kind: "add-secondary-range";
      readonly subnetwork: string;
      readonly rangeName: string;
      readonly ipCidrRange: string;
    }
  | { readonly kind: "recreate-instance"; readonly instance: string }
  | { readonly kind: "set-status"; readonly instance: string; readonly status: string }
  | {
      readonly kind: "grant" | "deny";
      readonly project: string;
      readonly permission: string;
    }
  | { readonly kind: "revoke-tokens" }
  /** Another tool's operation, which changes nothing, is under way on an instance or a subnetwork. */
  | {
      readonly kind: "begin-foreign-operation";
      readonly instance?: string;
      readonly subnetwork?: string;
    }
  | { readonly kind: "settle-operations" }
  | { readonly kind: "fail-next-operation"; readonly code: string; readonly message: string }
  | { readonly kind: "set-options"; readonly options: Partial<Options> };

const same = (one: AliasIpRange) => (other: AliasIpRange) =>
  one.ipCidrRange === other.ipCidrRange && one.subnetworkRangeName === other.subnetworkRangeName;

function interfaceOf(state: GceState, instanceName: string, name = "nic0") {
  const instance = state.resources.instanceNamed(instanceName);
  const nic = instance.interfaces.find((each) => each.name === name);
  if (nic === undefined) throw new TypeError(`${instanceName} has no interface ${name}`);
  return { instance, nic };
}

/** Throws when the request names what there is not. */
export function applyStateChange(state: GceState, request: unknown): unknown {
  const change = request as StateChange;
  switch (change.kind) {
    case "move-clock":
      return state.clock.move(change.seconds * 1_000);
    case "add-foreign-alias": {
      const { instance, nic } = interfaceOf(state, change.instance, change.interface);
      nic.foreign = [...nic.foreign, change.alias];
      return state.replaceAliases(instance, nic, [...nic.aliases, change.alias]);
    }
    case "remove-foreign-alias": {
      const { instance, nic } = interfaceOf(state, change.instance, change.interface);
      const others = (list: readonly AliasIpRange[]) =>
        list.filter((alias) => !same(change.alias)(alias));
      nic.foreign = others(nic.foreign);
      return state.replaceAliases(instance, nic, others(nic.aliases));
    }
    case "mutate-fingerprint":
      interfaceOf(state, change.instance, change.interface).nic.generation += 1;
      return undefined;
    case "mutate-subnetwork-fingerprint":
      state.resources.subnetworkNamed(change.subnetwork).generation += 1;
      return undefined;
    case "add-secondary-range": {
      const { rangeName, ipCidrRange } = change;
      const subnetwork = state.resources.subnetworkNamed(change.subnetwork);
      subnetwork.secondaryIpRanges = [...subnetwork.secondaryIpRanges, { rangeName, ipCidrRange }];
      subnetwork.generation += 1;
      return undefined;
    }
    case "recreate-instance": {
      const { name, id } = state.resources.recreate(change.instance);
      state.changes.emit({ kind: "instance", instance: name, id });
      state.changes.emit({ kind: "metadata", instance: name });
      return { id };
    }
    case "set-status":
      state.resources.instanceNamed(change.instance).status = change.status;
      return undefined;
    case "grant":
      return state.identity.grant(change.project, change.permission);
    case "deny":
      return state.identity.deny(change.project, change.permission);
    case "revoke-tokens":
      return state.identity.revoke();
    case "begin-foreign-operation": {
      const { path: target, id: targetId } =
        change.instance === undefined
          ? state.resources.subnetworkNamed(change.subnetwork ?? "")
          : state.resources.instanceNamed(change.instance);
      const scope = target.split("/").slice(0, 4).join("/");
      const operation = { scope, type: "setLabels", target, targetId, requestId: undefined };
      state.operations.begin({ ...operation, carryOut: () => undefined });
      return undefined;
    }
    case "settle-operations":
      return state.operations.settle();
    case "fail-next-operation": {
      const { code, message } = change;
      const failure = { httpErrorStatusCode: 400, httpErrorMessage: "BAD REQUEST" };
      return state.operations.failNext({ code, message, ...failure });
    }
    case "set-options":
      state.options = { ...state.options, ...change.options };
      return undefined;
    default:
      throw new TypeError(`there is no change ${JSON.stringify(change satisfies never)}`);
  }
}

/** The state as the API would show it, and what is under way. */
export const describeState = (state: GceState) => ({
  now: state.clock.now(),
  instances: state.resources.instances.map((each) => instanceJson(state.resources, each)),
  subnetworks: state.resources.subnetworks.map((each) => subnetworkJson(state.resources, each)),
  pendingOperations: state.operations.pending.map(({ name, type, target, status }) => ({
    name,
    type,
    target,
    status,
  })),
  options: state.options,
});
