// What the metadata server knows of an instance, as the tree that paths lead through.

import { cidr, formatCidr } from "./cidr.ts";
import { serviceAccount } from "./resource-json.ts";
import type { Instance } from "./resources.ts";
import type { GceState } from "./state.ts";

/** A directory is a map by the name in the path; a list is a directory with numbers as names. */
export type Tree = string | number | readonly string[] | Directory;
export interface Directory {
  readonly [name: string]: Tree;
}

const numbered = (items: readonly Tree[]): Directory =>
  Object.fromEntries(items.map((item, index) => [String(index), item]));

/** Lists that stay lists when everything below is shown as JSON. */
const LISTS = ["network-interfaces", "ip-aliases", "forwarded-ips", "dns-servers", "disks"];

export function metadataTree(state: GceState, instance: Instance): Directory {
  const { resources, options } = state;
  const { scenario } = resources;
  const email = serviceAccount(resources);
  const account = {
    aliases: ["default"],
    email,
    scopes: instance.scopes,
    token: "",
  };
  return {
    instance: {
      attributes: { "cluster-name": "demo", "cluster-location": instance.zone },
      "cpu-platform": "Intel Cascade Lake",
      description: "",
      hostname: `${instance.name}.${instance.zone}.c.${scenario.project}.internal`,
      id: instance.id,
      "machine-type": `projects/${scenario.projectNumber}/machineTypes/n2-standard-4`,
      name: instance.name,
      "network-interfaces": numbered(
        instance.interfaces.map((nic) => ({
          "dns-servers": numbered(["169.254.169.254"]),
          "forwarded-ips": {},
          gateway: formatCidr({
            first: cidr(nic.subnetwork.ipCidrRange).first + 1,
            length: 32,
          }).replace("/32", ""),
          ip: nic.networkIP,
          "ip-aliases": numbered(nic.shown.map((alias) => alias.ipCidrRange)),
          mac: nic.mac,
          mtu: nic.mtu,
          network: `projects/${scenario.projectNumber}/networks/${scenario.network}`,
          ...(options.metadataSubnetwork
            ? {
                subnetwork: `projects/${scenario.projectNumber}/regions/${nic.subnetwork.region}/subnetworks/${nic.subnetwork.name}`,
              }
            : {}),
          subnetmask: "255.255.255.255",
        })),
      ),
      "service-accounts":
        instance.scopes.length === 0 ? {} : { [email]: account, default: account },
      tags: [],
      zone: `projects/${scenario.projectNumber}/zones/${instance.zone}`,
    },
    project: {
      attributes: {},
      "numeric-project-id": scenario.projectNumber,
      "project-id": scenario.project,
    },
    universe: { "universe-domain": "googleapis.com" },
  };
}

export const isDirectory = (tree: Tree): tree is Directory =>
  typeof tree === "object" && !Array.isArray(tree);

/** The tree at a path, undefined when there is none. */
export function lookUp(tree: Directory, path: readonly string[]): Tree | undefined {
  let at: Tree = tree;
  for (const name of path) {
    if (!isDirectory(at) || !Object.hasOwn(at, name)) return undefined;
    at = at[name] ?? {};
  }
  return at;
}

const camelCase = (name: string): string =>
  name.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Everything below as JSON: names in camel case, lists as lists, IDs as numbers (longer than a double holds),
 * tokens left out. Attributes and service accounts keep their names.
 */
export function recursiveJson(tree: Tree, name = ""): string {
  if (!isDirectory(tree))
    return name === "id" || name === "numeric-project-id" ? String(tree) : JSON.stringify(tree);
  const entries = Object.entries(tree).filter(([key]) => key !== "token");
  if (LISTS.includes(name))
    return `[${entries.map(([, value]) => recursiveJson(value)).join(",")}]`;
  const keep = name === "attributes" || name === "service-accounts";
  const fields = entries.map(
    ([key, value]) => `${JSON.stringify(keep ? key : camelCase(key))}:${recursiveJson(value, key)}`,
  );
  return `{${fields.join(",")}}`;
}

/** Everything below as lines of path and value. */
export function recursiveText(tree: Tree, path = ""): string {
  if (!isDirectory(tree)) return `${path} ${leafText(tree).replaceAll("\n", " ").trim()}\n`;
  return Object.entries(tree)
    .filter(([key]) => key !== "token")
    .map(([key, value]) => recursiveText(value, path === "" ? key : `${path}/${key}`))
    .join("");
}

/** Lists end each line, single values do not. */
export const leafText = (leaf: string | number | readonly string[]): string =>
  typeof leaf === "object" ? leaf.map((line) => `${line}\n`).join("") : String(leaf);

export const directoryText = (directory: Directory): string =>
  Object.entries(directory)
    .map(([name, value]) => `${name}${isDirectory(value) ? "/" : ""}\n`)
    .join("");
