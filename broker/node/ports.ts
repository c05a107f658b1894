// What node set-up needs of the machine: narrow ports, so that deciding and doing stay apart.

import type { Ip, Mac } from "#core/address.ts";

export interface NodeAddress {
  readonly ip: Ip;
  readonly length: number;
  readonly global: boolean;
  /** Carries our mark: we added it. */
  readonly ours: boolean;
}
export interface NodeLink {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly master?: number;
  readonly alias: string;
  /** Number of the namespace that a veth's other end is in; absent where that is ours. */
  readonly peerNamespace?: number;
  readonly isolated: boolean;
  readonly addresses: readonly NodeAddress[];
}

export interface NodeLinks {
  observe(): Promise<readonly NodeLink[]>;
  createBridge(
    name: string,
    setting: { readonly mac: Mac; readonly mtu: number; readonly alias: string },
  ): Promise<void>;
  deleteLink(name: string): Promise<void>;
  setLink(
    name: string,
    setting: { readonly up?: boolean; readonly mtu?: number; readonly isolated?: boolean },
  ): Promise<void>;
  changeAddress(op: "add" | "delete", name: string, ip: Ip, length: number): Promise<void>;
}

/** Keys are paths below /proc/sys; `undefined`: there is no such setting here. */
export interface NodeSysctls {
  read(key: string): string | undefined;
  write(key: string, value: string): void;
}

export type NodeTable = "filter" | "nat";
export interface NodeRules {
  readonly backend: string;
  /** Lines of iptables-save by table. */
  readonly tables: Readonly<Record<NodeTable, readonly string[]>>;
}
export interface NodeFirewall {
  observe(): Promise<NodeRules>;
  /** Text for iptables-restore --noflush. */
  restore(text: string): Promise<void>;
  /** Takes an empty table away where the backend can; one that holds anything stays. */
  dropEmpty(table: NodeTable): Promise<void>;
}

/** Tables of nftables' family bridge. */
export interface NodeTables {
  /** What `nft -j` lists of the table; undefined where there is none, or no nft. */
  list(table: string): Promise<string | undefined>;
  /** Text for `nft -f -`: made as one transaction. */
  write(text: string): Promise<void>;
  remove(table: string): Promise<void>;
}

/** What must outlive the broker so that teardown is exact. */
export interface NodeMemory {
  /** The boot that the values belong to: another boot begins with its own. */
  readonly bootId: string;
  /** Values of sysctls before our first write. */
  readonly sysctls: Readonly<Record<string, string>>;
  /** An existing bridge that was taken over, as it was. */
  readonly takenOver?: { readonly index: number; readonly mtu: number };
  /** Tables of iptables that nobody had used before us. */
  readonly newTables?: readonly NodeTable[];
}
export interface NodeMemoryFile {
  /** Empty values when nothing is remembered. */
  load(): NodeMemory;
  save(memory: NodeMemory): void;
}

export interface NodePorts {
  readonly links: NodeLinks;
  readonly sysctls: NodeSysctls;
  readonly firewall: NodeFirewall;
  readonly tables: NodeTables;
  readonly memory: NodeMemoryFile;
  /** Ports behind which guests hold addresses, by index: guests' ports beside the taps. */
  readonly guestPorts?: () => ReadonlySet<number>;
}
