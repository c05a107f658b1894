// What a call asks for by name: addresses, a MAC, and a name under which its address is kept.

import { type Ip, type Mac, parseMac } from "#core/address.ts";
import type { CniArgs } from "./cni-args.ts";
import { CniFailure } from "./failure.ts";
import { MAX_STICKY_NAME, type Netconf, invalidConf } from "./netconf.ts";
import { parseRequestedIp } from "./requested-ip.ts";

/** The pod annotation that asks for a sticky address: `true`, `false`, or the name to keep it under. */
const STICKY_ANNOTATION = "cocoon-net/sticky";

/** Requested addresses in host-local's order: CNI_ARGS, args.cni.ips, runtimeConfig.ips; each once. */
export function requestedAddresses(conf: Netconf, args: CniArgs): readonly Ip[] | CniFailure {
  const requested = new Set<Ip>(args.ip === undefined ? [] : [args.ip]);
  for (const text of [...(conf.args?.cni?.ips ?? []), ...(conf.runtimeConfig?.ips ?? [])]) {
    const ip = parseRequestedIp(text);
    if (ip === undefined)
      return invalidConf(
        `cannot understand ip: ${JSON.stringify(text)}`,
        "requested addresses are IP or IP/length",
      );
    requested.add(ip);
  }
  return [...requested];
}

/** runtimeConfig.mac, else CNI_ARGS `MAC`. */
export function requestedMac(conf: Netconf, args: CniArgs): Mac | undefined | CniFailure {
  const text = conf.runtimeConfig?.mac;
  if (!text) return args.mac;
  return (
    parseMac(text) ??
    invalidConf(
      `cannot understand mac: ${JSON.stringify(text)}`,
      "runtimeConfig.mac is six octets in hexadecimal",
    )
  );
}

/**
 * The name under which the address is kept; the pod's annotation wins over the conf. `true` stands for the pod's own name,
 * or for the container's ID where there is no pod: runtimes without pods keep it across restarts.
 */
export function stickyName(
  conf: Netconf,
  args: CniArgs,
  containerId: string,
): string | undefined | CniFailure {
  const annotation = conf.runtimeConfig?.["io.kubernetes.cri.pod-annotations"]?.[STICKY_ANNOTATION];
  const namespace = args.podNamespace ?? "";
  const own = args.podName === undefined ? containerId : `${namespace}/${args.podName}`;
  if (annotation === undefined) {
    const { sticky } = conf.ipam;
    if (typeof sticky === "string")
      return sticky === "" ? undefined : checkName(sticky, "ipam.sticky");
    return sticky === true ? own : undefined;
  }
  if (annotation === "true") return own;
  if (annotation === "false" || annotation === "") return undefined;
  const name = checkName(annotation, `annotation ${STICKY_ANNOTATION}`);
  // A pod may name only what is its namespace's, so that no pod takes over the address of another namespace's.
  return name instanceof CniFailure ? name : `${namespace}/${name}`;
}

/** Names come from whoever may make a pod and are shown to operators: nothing that a terminal would act on. */
function checkName(name: unknown, where: string): string | CniFailure {
  const good =
    typeof name === "string" &&
    name.length <= MAX_STICKY_NAME &&
    /^[a-zA-Z0-9][a-zA-Z0-9_./-]*$/.test(name);
  return good
    ? name
    : invalidConf(
        `${where} is not a name`,
        `letters, digits, "_", ".", "/" and "-", at most ${MAX_STICKY_NAME}`,
      );
}
