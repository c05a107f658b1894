// Programs that would run DHCP on a link that appears, and the files that tell them to leave ours alone.

import type { NetworkManagerName } from "./seen.ts";

export interface NetworkManager {
  readonly name: NetworkManagerName;
  /** It is installed when this folder is there. */
  readonly folder: string;
  /** Where the machine's own files go. */
  readonly configured: string;
  /** Whether a file of that folder is one of ours, by its name. */
  readonly isOurs: (name: string) => boolean;
  readonly fileName: (slot: number) => string;
  readonly text: (mac: string) => string;
  /** Program and words that make it read its files again. */
  readonly reload: readonly string[];
}

const HEADER =
  "# Written by cocoon-net: this interface carries guests' addresses and has none of its own.\n";

export const managers: readonly NetworkManager[] = [
  {
    name: "systemd-networkd",
    folder: "/etc/systemd/network",
    configured: "/etc/systemd/network",
    isOurs: (name) => /^05-cocoon-net-[0-9]+\.network$/.test(name),
    // Files are read in the order of their names, and the first that matches counts: systemd.network(5).
    fileName: (slot) => `05-cocoon-net-${slot}.network`,
    text: (mac) => `${HEADER}[Match]\nMACAddress=${mac}\n\n[Link]\nUnmanaged=yes\n`,
    reload: ["networkctl", "reload"],
  },
  {
    name: "NetworkManager",
    folder: "/etc/NetworkManager",
    configured: "/etc/NetworkManager/conf.d",
    isOurs: (name) => /^90-cocoon-net-[0-9]+\.conf$/.test(name),
    fileName: (slot) => `90-cocoon-net-${slot}.conf`,
    // `+=` adds to what other files list: NetworkManager.conf(5).
    text: (mac) => `${HEADER}[keyfile]\nunmanaged-devices+=mac:${mac}\n`,
    reload: ["nmcli", "general", "reload", "conf"],
  },
];

/** Path and text of each file that keeps the managers that are there away from that MAC. */
export const keepAwayFiles = (
  present: readonly NetworkManagerName[],
  slot: number,
  mac: string,
): readonly { path: string; text: string; manager: NetworkManagerName }[] =>
  managers
    .filter(({ name }) => present.includes(name))
    .map((manager) => ({
      path: `${manager.configured}/${manager.fileName(slot)}`,
      text: manager.text(mac),
      manager: manager.name,
    }));

/** The manager that reads a path. */
export const managerOf = (path: string): NetworkManagerName | undefined =>
  managers.find(({ configured }) => path.startsWith(`${configured}/`))?.name;
