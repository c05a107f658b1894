// One thing to do to the node, as data and in words.

import type { Ip, Mac } from "#core/address.ts";
import type { NodePorts, NodeTable } from "./ports.ts";

export type NodeStep =
  | {
      readonly step: "create-bridge";
      readonly name: string;
      readonly mac: Mac;
      readonly mtu: number;
      readonly alias: string;
    }
  | {
      readonly step: "set-link";
      readonly name: string;
      readonly up?: boolean;
      readonly mtu?: number;
      readonly isolated?: boolean;
    }
  | {
      readonly step: "add-address" | "delete-address";
      readonly name: string;
      readonly ip: Ip;
      readonly length: number;
    }
  | {
      readonly step: "set-sysctl";
      readonly key: string;
      readonly value: string;
      readonly before?: string;
    }
  | {
      readonly step: "write-rules";
      readonly table: NodeTable;
      readonly chain: string;
      readonly text: string;
      readonly backend: string;
    };

/** What a step is about: the same item repaired again and again means that someone else changes it. */
export function itemOf(step: NodeStep): string {
  switch (step.step) {
    case "create-bridge":
    case "set-link":
      return `link ${step.name}`;
    case "add-address":
    case "delete-address":
      return `address ${step.ip}/${step.length} on ${step.name}`;
    case "set-sysctl":
      return `sysctl ${step.key.replaceAll("/", ".")}`;
    case "write-rules":
      return `iptables ${step.table} ${step.chain}`;
    default:
      return step satisfies never;
  }
}

/** One line for people, for example `set net.ipv4.ip_forward to 1 (was 0)`. */
export function describeStep(step: NodeStep): string {
  switch (step.step) {
    case "create-bridge":
      return `make the bridge ${step.name} (mtu ${step.mtu}, mac ${step.mac})`;
    case "set-link": {
      const { up, mtu, isolated } = step;
      const parts = [
        ...(up === undefined ? [] : [up ? "up" : "down"]),
        ...(mtu === undefined ? [] : [`mtu ${mtu}`]),
        ...(isolated === undefined ? [] : [isolated ? "isolated" : "not isolated"]),
      ];
      return `set ${step.name} ${parts.join(", ")}`;
    }
    case "add-address":
      return `add ${step.ip}/${step.length} to ${step.name}`;
    case "delete-address":
      return `remove ${step.ip}/${step.length} from ${step.name}`;
    case "set-sysctl":
      return `set ${step.key.replaceAll("/", ".")} to ${step.value} (was ${step.before ?? "absent"})`;
    case "write-rules":
      return `write the chain ${step.chain} of iptables' ${step.table} table (${step.backend})`;
    default:
      return step satisfies never;
  }
}

export async function makeStep(
  step: NodeStep,
  ports: Omit<NodePorts, "memory" | "tables">,
): Promise<void> {
  switch (step.step) {
    case "create-bridge":
      return ports.links.createBridge(step.name, step);
    case "set-link": {
      const { step: _, name, ...setting } = step;
      return ports.links.setLink(name, setting);
    }
    case "add-address":
      return ports.links.changeAddress("add", step.name, step.ip, step.length);
    case "delete-address":
      return ports.links.changeAddress("delete", step.name, step.ip, step.length);
    case "set-sysctl":
      return ports.sysctls.write(step.key, step.value);
    case "write-rules":
      return ports.firewall.restore(step.text);
    default:
      return step satisfies never;
  }
}
