// Which programs would give a link addresses by DHCP: network managers by their own records, clients by their command lines.

import { readFile, readdir, readlink } from "node:fs/promises";
import { basename, join } from "node:path";

const clients = new Set(["dhclient", "dhcpcd", "udhcpc"]);
/** Where the managers keep what they do with each link, by its index. */
const NETWORKD_LINKS = "/run/systemd/netif/links";
const NETWORK_MANAGER_DEVICES = "/run/NetworkManager/devices";

/** Names of those that manage the link, each once. */
export async function managersOf(nic: string): Promise<readonly string[]> {
  const index = (await textOf(join("/sys/class/net", nic, "ifindex"))).trim();
  const [networkd, manager, running] = await Promise.all([
    index === "" ? "" : textOf(join(NETWORKD_LINKS, index)),
    index === "" ? "" : textOf(join(NETWORK_MANAGER_DEVICES, index)),
    commandLines(),
  ]);
  return [
    ...(isNetworkdsLink(networkd) ? ["systemd-networkd"] : []),
    ...(isNetworkManagersDevice(manager) ? ["NetworkManager"] : []),
    ...new Set(running.flatMap((line) => clientFor(line, nic) ?? [])),
  ];
}

/** Text of a file in /run/systemd/netif/links; a link left alone is `unmanaged`. */
export const isNetworkdsLink = (text: string): boolean =>
  /^ADMIN_STATE=(configuring|configured|failed|linger)$/m.test(text);

/** Text of a file in /run/NetworkManager/devices. */
export const isNetworkManagersDevice = (text: string): boolean => /^managed=(true|1)$/m.test(text);

/** The DHCP client of a command line, if it serves that link; dhcpcd writes its links into its own title. */
export function clientFor(line: string, nic: string): string | undefined {
  const words = line.split(/[\0\s]+/).filter((word) => word !== "");
  const program = basename(words[0] ?? "").replace(/:$/, "");
  if (!clients.has(program)) return undefined;
  const wanted = [nic, `-i${nic}`, `--interface=${nic}`, "[manager]", "[master]"];
  return words.slice(1).some((word) => wanted.includes(word)) ? program : undefined;
}

/** Of the processes in this network namespace that could be DHCP clients. */
async function commandLines(): Promise<readonly string[]> {
  const here = await readlink("/proc/self/ns/net");
  const lines: string[] = [];
  for (const id of await readdir("/proc")) {
    if (!/^[0-9]+$/.test(id)) continue;
    const line = await textOf(join("/proc", id, "cmdline"));
    if (![...clients].some((client) => line.includes(client))) continue;
    // It may have ended since: then it gives nothing to any link.
    const namespace = await readlink(join("/proc", id, "ns/net")).catch(() => "");
    if (namespace === here) lines.push(line);
  }
  return lines;
}

/** Empty when there is no such file, or none that may be read. */
const textOf = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");
