// Network namespaces for one test: made under unique names, joined by veth and bridges, gone afterwards with all that ran in them.
import { access } from "node:fs/promises";
import {
  attempt,
  run,
  start,
  type Output,
  type RunOptions,
  type Running,
} from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";

/** Interface names hold 15 characters: a unique prefix must leave room. */
const NAME_PREFIX = `cn${process.pid}`;
const NAMESPACE_FOLDER = "/run/netns";
let made = 0;

export type NetworkNamespace = {
  /** As `ip netns list` shows it. */
  readonly name: string;
  /** The file that names it, usable as CNI_NETNS. */
  readonly path: string;
  /** Runs a command in it; throws unless the exit code is 0. */
  exec(argv: readonly string[], options?: RunOptions): Promise<string>;
  /** Runs a command in it to its end, whatever its exit code. */
  attempt(argv: readonly string[], options?: RunOptions): Promise<Output>;
  /** Starts a command in it that lives until it is stopped, or until the namespace goes. */
  spawn(argv: readonly string[], options?: RunOptions): Running;
  /** IPv4 addresses of an interface in the form 10.0.0.1/24. */
  addresses(link: string): Promise<string[]>;
};

export type Namespaces<Name extends string> = AsyncDisposable &
  Readonly<Record<Name, NetworkNamespace>>;

/** Makes one namespace, loopback up, per name: `await using net = await namespaces("node", "guest")`. */
export async function namespaces<const Name extends string>(
  ...names: readonly Name[]
): Promise<Namespaces<Name>> {
  await using undo = new AsyncDisposableStack();
  const entries: [Name, NetworkNamespace][] = [];
  for (const name of names) {
    made += 1;
    const namespace = reach(`${NAME_PREFIX}-${made}-${name}`);
    await run(["ip", "netns", "add", namespace.name]);
    undo.defer(() => remove(namespace));
    await namespace.exec(["ip", "link", "set", "lo", "up"]);
    entries.push([name, namespace]);
  }
  const cleanUp = undo.move();
  const byName = Object.fromEntries(entries) as Record<Name, NetworkNamespace>;
  return Object.assign(byName, { [Symbol.asyncDispose]: () => cleanUp.disposeAsync() });
}

function reach(name: string): NetworkNamespace {
  const inside = (argv: readonly string[]): string[] => ["ip", "netns", "exec", name, ...argv];
  return {
    name,
    path: `${NAMESPACE_FOLDER}/${name}`,
    exec: (argv, options) => run(inside(argv), options),
    attempt: (argv, options) => attempt(inside(argv), options),
    spawn: (argv, options) => start(inside(argv), options),
    async addresses(link) {
      const text = await run(inside(["ip", "-4", "-o", "addr", "show", "dev", link]));
      return [...text.matchAll(/ inet (\S+)/g)].flatMap((match) => match[1] ?? []);
    },
  };
}

async function remove(namespace: NetworkNamespace): Promise<void> {
  await waitFor(() => killAll(namespace), {
    what: `the end of every process in ${namespace.name}`,
  });
  await run(["ip", "netns", "del", namespace.name]);
  const stays = await access(namespace.path).then(
    () => true,
    () => false,
  );
  if (stays) {
    throw new Error(`${namespace.path} is still there after its removal`);
  }
}

async function killAll(namespace: NetworkNamespace): Promise<boolean> {
  const text = await run(["ip", "netns", "pids", namespace.name]);
  const pids = text.split("\n").filter((line) => line !== "");
  for (const pid of pids) {
    // It may have ended since it was listed.
    await attempt(["kill", "-9", pid]);
  }
  return pids.length === 0;
}

/** Makes a bridge, up, in a namespace; `address` such as 10.0.0.1/24 is put on it. */
export async function addBridge(
  namespace: NetworkNamespace,
  bridge: string,
  address?: string,
): Promise<void> {
  await namespace.exec(["ip", "link", "add", bridge, "type", "bridge"]);
  await namespace.exec(["ip", "link", "set", bridge, "up"]);
  if (address !== undefined) {
    await namespace.exec(["ip", "addr", "add", address, "dev", bridge]);
  }
}

export type VethEnd = {
  namespace: NetworkNamespace;
  link: string;
  /** Joined to this bridge of its namespace. */
  bridge?: string;
  mac?: string;
};

/** Joins two namespaces by a veth pair, both ends up. */
export async function joinByVeth(one: VethEnd, other: VethEnd): Promise<void> {
  const far = ["peer", "name", other.link, "netns", other.namespace.name];
  await one.namespace.exec(["ip", "link", "add", one.link, "type", "veth", ...far]);
  for (const { namespace, link, bridge, mac } of [one, other]) {
    const settings = [
      ...(mac === undefined ? [] : ["address", mac]),
      ...(bridge === undefined ? [] : ["master", bridge]),
    ];
    await namespace.exec(["ip", "link", "set", "dev", link, ...settings, "up"]);
  }
}
