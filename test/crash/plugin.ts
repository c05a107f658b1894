// The built plugin as a runtime runs it, against the broker of one test.

import { COCOON_IPAM, type BrokerProcess } from "#test/netns/broker.ts";
import { type Finished, runPlugin } from "#test/plugin/plugin-process.ts";
import { z } from "zod";

export const NETWORK = "crashnet";

export interface PluginCall {
  readonly verb: "ADD" | "DEL" | "CHECK" | "GC" | "STATUS";
  readonly id?: string;
  /** NETWORK when absent. */
  readonly network?: string;
  /** Further keys of the conf. */
  readonly conf?: Readonly<Record<string, unknown>>;
  readonly ipam?: Readonly<Record<string, unknown>>;
}

const result = z.object({ ips: z.array(z.object({ address: z.string() })).min(1) });

/** Runs one call to its end; `netns` is where the containers are said to be. */
export function callPlugin(
  broker: Pick<BrokerProcess, "paths">,
  netns: string,
  call: PluginCall,
): Promise<Finished> {
  return runPlugin(COCOON_IPAM, {
    env: callEnvironment(netns, call),
    stdin: confText(broker, call),
  });
}

/** The configuration that a call's standard input carries. */
export function confText({ paths }: Pick<BrokerProcess, "paths">, call: PluginCall): string {
  return JSON.stringify({
    cniVersion: "1.1.0",
    name: call.network ?? NETWORK,
    type: "bridge",
    ...call.conf,
    ipam: {
      type: "cocoon-ipam",
      socket: paths.socket,
      spool: `${paths.state}/spool`,
      ...call.ipam,
    },
  });
}

export function callEnvironment(
  netns: string,
  { verb, id }: Pick<PluginCall, "verb" | "id">,
): Record<string, string> {
  const about =
    id === undefined ? {} : { CNI_CONTAINERID: id, CNI_NETNS: netns, CNI_IFNAME: "eth0" };
  return { CNI_COMMAND: verb, CNI_PATH: "/opt/cni/bin", ...about };
}

/** The address of a result of version 1.x; throws when the call failed. */
export function addressOf({ code, stdout, stderr }: Finished): string {
  if (code !== 0) throw new Error(`the plugin failed: ${stdout}${stderr}`);
  const address = result.parse(JSON.parse(stdout)).ips[0]?.address ?? "";
  return address.replace(/\/\d+$/, "");
}

/** Throws unless the call succeeded. */
export function succeeded({ code, stdout, stderr }: Finished): void {
  if (code !== 0) throw new Error(`the plugin failed: ${stdout}${stderr}`);
}
