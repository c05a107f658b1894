// The two CNI configurations of spec section 2 as text: one for containers, one for guests.

import { BrokerError } from "#core/errors.ts";

/** A conflist as it should stand in the configuration folder. */
export interface Conflist {
  readonly fileName: string;
  /** The CNI network's name. */
  readonly network: string;
  readonly text: string;
}

/** What a plugin's binary answered to VERSION. */
export interface PluginVersions {
  readonly plugin: string;
  readonly versions: readonly string[];
}

export interface ContainerConflistOptions {
  readonly bridge: string;
  /** Bytes; the smallest of the primary and secondary NICs. */
  readonly mtu: number;
  /** One for each plugin of {@link containerChain}. */
  readonly plugins: readonly PluginVersions[];
  /** The broker's socket, named in the conf only when it is not the default. */
  readonly socket: string;
  /** The folder for releases that find no broker, named only when it is not the default. */
  readonly spool: string;
}

/** Plugin binaries that the containers' network runs, IPAM included. */
export const containerChain: readonly string[] = ["bridge", "cocoon-ipam"];
export const containerFileName = "29-cocoon-net.conflist";
export const guestFileName = "30-cocoon-dhcp.conflist";
export const defaultSocket = "/run/cocoon-net/broker.sock";
export const defaultSpool = "/var/lib/cocoon/net/spool";

/** Versions that have conflists and IPAM results as we give them, oldest first. */
const knownVersions: readonly string[] = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"];
/** Runtimes that do not know `cniVersions` may refuse a `cniVersion` above this. */
const newestPlain = "1.0.0";

/**
 * The containers' network. It offers the versions that every plugin of its chain answers to VERSION; throws a BrokerError
 * (`unsupported-version`) when there is none.
 */
export function containerConflist(options: ContainerConflistOptions): Conflist {
  const versions = commonVersions(options.plugins);
  const cniVersion = versions.findLast(
    (version) => knownVersions.indexOf(version) <= knownVersions.indexOf(newestPlain),
  );
  if (cniVersion === undefined) throw noCommonVersion(options.plugins);
  const ipam = {
    type: "cocoon-ipam",
    routes: [{ dst: "0.0.0.0/0" }],
    ...(options.socket === defaultSocket ? {} : { socket: options.socket }),
    ...(options.spool === defaultSpool ? {} : { spool: options.spool }),
  };
  const bridge = {
    type: "bridge",
    bridge: options.bridge,
    isGateway: false,
    ipMasq: false,
    hairpinMode: true,
    mtu: options.mtu,
    ipam,
    capabilities: {
      ips: true,
      ipRanges: true,
      mac: true,
      dns: true,
      "io.kubernetes.cri.pod-annotations": true,
    },
  };
  return conflist(containerFileName, {
    cniVersion,
    cniVersions: versions,
    name: "cocoon-net",
    plugins: [bridge],
  });
}

/** The guests' network: a port on the bridge, the address comes by DHCP. The same as the Go version's. */
export function guestConflist(bridge: string): Conflist {
  const plugins = [{ type: "bridge", bridge, isGateway: false, ipMasq: false, ipam: {} }];
  return conflist(guestFileName, { cniVersion: "1.0.0", name: "cocoon-dhcp", plugins });
}

/** Known versions that each plugin supports, oldest first. */
export function commonVersions(plugins: readonly PluginVersions[]): readonly string[] {
  if (plugins.length === 0) return [];
  return knownVersions.filter((version) =>
    plugins.every(({ versions }) => versions.includes(version)),
  );
}

function conflist(
  fileName: string,
  content: { readonly name: string } & Readonly<Record<string, unknown>>,
): Conflist {
  return { fileName, network: content.name, text: `${JSON.stringify(content, undefined, 2)}\n` };
}

function noCommonVersion(plugins: readonly PluginVersions[]): BrokerError {
  const details = plugins
    .map(({ plugin, versions }) => `${plugin}: ${versions.join(" ")}`)
    .join("; ");
  const hint = `install plugins that support CNI ${newestPlain}, or name their folder with --cni-bin-dir`;
  return new BrokerError(
    "unsupported-version",
    "no CNI version is supported by every plugin of the network cocoon-net",
    { details, hint },
  );
}
