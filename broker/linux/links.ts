// Network interfaces of this namespace: seen, made, set and deleted through netlink.

import type { Ip, Mac } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { interfaceIndex } from "./libc.ts";
import {
  type AddressEntry,
  type LinkEntry,
  type LinkSetting,
  changeAddress,
  createBridge,
  deleteLink,
  everyAddress,
  everyLink,
  isolatePort,
  readAddress,
  readLink,
  setAlias,
  setLink,
} from "./link-codec.ts";
import { messageType } from "./netlink-codec.ts";
import { NetlinkError, errno } from "./netlink-error.ts";
import type { Netlink, NetlinkRequest } from "./netlink.ts";

export interface LinkState extends LinkEntry {
  readonly addresses: readonly AddressEntry[];
}

/** Changes throw `system-failure` with the kernel's word; deleting what is gone succeeds. */
export interface Links {
  observe(): Promise<readonly LinkState[]>;
  createBridge(
    name: string,
    setting: { readonly mac: Mac; readonly mtu: number; readonly alias: string },
  ): Promise<void>;
  deleteLink(name: string): Promise<void>;
  /** `isolated` is for bridge ports only. */
  setLink(name: string, setting: LinkSetting & { readonly isolated?: boolean }): Promise<void>;
  changeAddress(op: "add" | "delete", name: string, ip: Ip, length: number): Promise<void>;
}

export function openLinks(netlink: Netlink): Links {
  return {
    async observe() {
      const links = await netlink.dump(messageType.getLink, everyLink(), readLink);
      const addresses = await netlink.dump(messageType.getAddress, everyAddress(), readAddress);
      return links.map((link) => ({
        ...link,
        addresses: addresses.filter((address) => address.link === link.index),
      }));
    },
    async createBridge(name, { mac, mtu, alias }) {
      const requests = [createBridge(name, mac), setAlias(name, alias)];
      for (const error of await netlink.request(requests)) refuse(error);
      // Only an MTU that is set after the creation stays; any other follows the ports' (br_mtu_auto_adjust).
      await make(netlink, setLink(name, indexOf(name), { mtu }));
    },
    async deleteLink(name) {
      const index = interfaceIndex(name);
      if (index !== undefined) await make(netlink, deleteLink(name, index), [errno.noDevice]);
    },
    async setLink(name, { isolated, ...setting }) {
      const index = indexOf(name);
      if (isolated !== undefined) await make(netlink, isolatePort(name, index, isolated));
      if (Object.keys(setting).length > 0) await make(netlink, setLink(name, index, setting));
    },
    async changeAddress(op, name, ip, length) {
      const fine = op === "delete" ? [errno.noAddress, errno.noDevice] : [errno.exists];
      await make(netlink, changeAddress(op, indexOf(name), ip, length), fine);
    },
  };
}

async function make(
  netlink: Netlink,
  request: NetlinkRequest,
  fine: readonly number[] = [],
): Promise<void> {
  const [error] = await netlink.request([request]);
  if (error instanceof NetlinkError && fine.includes(error.errno)) return;
  refuse(error);
}

function refuse(error: Error | undefined): void {
  if (error === undefined) return;
  throw new BrokerError("system-failure", `cannot ${error.message}`, {
    cause: error,
    hint: "the broker needs CAP_NET_ADMIN in this network namespace",
  });
}

function indexOf(name: string): number {
  const index = interfaceIndex(name);
  if (index !== undefined) return index;
  throw new BrokerError("system-failure", `there is no interface ${name}`, {
    hint: "ip link shows the interfaces of this network namespace",
  });
}
