// What a command may leave on a node: links, addresses, routes, rules, firewall and files, as lists that are compared.
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { World } from "./world.ts";

const lines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .toSorted();

/** Equal before and after when nothing was left. */
export async function traces({ node }: World): Promise<Record<string, readonly string[]>> {
  const ask = async (command: string) => lines(await node.namespace.exec(command.split(" ")));
  return {
    links: (await ask("ip -br link show")).map((line) => line.split(/[ @]/)[0] ?? ""),
    addresses: await ask("ip -br -4 address show"),
    routes: await ask("ip -4 route show table all"),
    "routing rules": await ask("ip rule show"),
    // Chains of the kernel's own appear with the first question about them.
    iptables: (await ask("iptables-save")).filter((line) => /^-A|^:\S+ - /.test(line)),
    files: await filesBelow(join(node.folder, "etc")),
    state: await filesBelow(node.paths.state),
    conflists: await filesBelow(node.paths.conflists),
  };
}

async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile());
  const read = files.map(async ({ parentPath, name }) => {
    const path = join(parentPath, name);
    return `${path}: ${await readFile(path, "utf8")}`;
  });
  return (await Promise.all(read)).toSorted();
}
