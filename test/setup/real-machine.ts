// Stops the system tests at once, with the next step, where the machine lacks what they need.
import { access } from "node:fs/promises";
import { constants } from "node:fs";
import { delimiter, join } from "node:path";

/** One command of each package that the system tests start; `make setup` installs them all. */
const NEEDED_COMMANDS = [
  "ip",
  "iptables",
  "nft",
  "busybox",
  "udhcpc",
  "dhclient",
  "dhcpcd",
  "tcpdump",
  "containerd",
  "runc",
  "qemu-system-x86_64",
  "cpio",
  "dnsmasq",
];
const ADMINISTRATOR_FOLDERS = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** Called by vitest once before the first system test; throws when a test could only have been skipped. */
export async function setup(): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new Error("system tests make network namespaces and mounts: run them as root");
  }
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...ADMINISTRATOR_FOLDERS];
  process.env["PATH"] = [...new Set(folders)].join(delimiter);
  const found = await Promise.all(NEEDED_COMMANDS.map((command) => isInstalled(command, folders)));
  const missing = NEEDED_COMMANDS.filter((_, index) => found[index] === false);
  if (missing.length > 0) {
    throw new Error(`system tests lack ${missing.join(", ")}: run make setup`);
  }
}

async function isInstalled(command: string, folders: readonly string[]): Promise<boolean> {
  const tries = folders.map((folder) =>
    access(join(folder, command), constants.X_OK).then(
      () => true,
      () => false,
    ),
  );
  return (await Promise.all(tries)).includes(true);
}
