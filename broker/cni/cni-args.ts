// CNI_ARGS: `KEY=value;KEY=value`, with the keys that runtimes send to us.

import { type Ip, type Mac, parseMac } from "#core/address.ts";
import { type CniFailure, cniCodes, failure } from "./failure.ts";
import { parseRequestedIp } from "./requested-ip.ts";

/** Longest CNI_ARGS in UTF-16 units. */
const MAX_ARGS_LENGTH = 65_536;
/** Longest value of a K8S_* key: the longest name that Kubernetes knows (a DNS subdomain). */
const MAX_NAME_LENGTH = 253;

export interface CniArgs {
  readonly ip?: Ip;
  readonly mac?: Mac;
  readonly podNamespace?: string;
  readonly podName?: string;
  readonly podUid?: string;
}

type Reading = { -readonly [Key in keyof CniArgs]: CniArgs[Key] };

/** What each key does with its value; it answers `false` for a value that it cannot read. */
const keys: Readonly<Record<string, (value: string, args: Reading) => boolean>> = {
  IgnoreUnknown: (value) => parseBoolean(value) !== undefined,
  IP: (value, args) => {
    const ip = parseRequestedIp(value);
    if (ip !== undefined) args.ip = ip;
    return ip !== undefined;
  },
  MAC: (value, args) => {
    const mac = parseMac(value);
    if (mac !== undefined) args.mac = mac;
    return mac !== undefined;
  },
  K8S_POD_NAMESPACE: name("podNamespace"),
  K8S_POD_NAME: name("podName"),
  K8S_POD_UID: name("podUid"),
  K8S_POD_INFRA_CONTAINER_ID: (value) => value.length <= MAX_NAME_LENGTH,
};

/** Reads CNI_ARGS. A key that is not ours is an error unless `IgnoreUnknown` is `1` or `true` (libcni's LoadArgs). */
export function parseCniArgs(text: string): CniArgs | CniFailure {
  if (text === "") return {};
  if (text.length > MAX_ARGS_LENGTH)
    return invalid(`CNI_ARGS is longer than ${MAX_ARGS_LENGTH} characters`);
  const args: Reading = {};
  const unknown: string[] = [];
  let ignoreUnknown = false;
  for (const pair of text.split(";")) {
    const [key, value, ...rest] = pair.split("=");
    if (key === undefined || value === undefined || rest.length > 0)
      return invalid(`ARGS: invalid pair ${quote(pair)}`);
    if (!Object.hasOwn(keys, key)) {
      unknown.push(quote(pair));
      continue;
    }
    if (keys[key]?.(value, args) !== true)
      return invalid(`ARGS: error parsing value of pair ${quote(pair)}`);
    if (key === "IgnoreUnknown") ignoreUnknown = parseBoolean(value) ?? false;
  }
  if (unknown.length > 0 && !ignoreUnknown) {
    return invalid(
      `ARGS: unknown args [${unknown.join(" ")}]`,
      "add IgnoreUnknown=1 to CNI_ARGS to pass keys of others",
    );
  }
  return args;
}

function name(
  field: "podNamespace" | "podName" | "podUid",
): (value: string, args: Reading) => boolean {
  return (value, args) => {
    if (value.length > MAX_NAME_LENGTH) return false;
    if (value !== "") args[field] = value;
    return true;
  };
}

function parseBoolean(text: string): boolean | undefined {
  const lower = text.toLowerCase();
  if (lower === "1" || lower === "true") return true;
  return lower === "0" || lower === "false" ? false : undefined;
}

const quote = (text: string): string =>
  JSON.stringify(text.length > 128 ? `${text.slice(0, 125)}...` : text);

const invalid = (message: string, details = "CNI_ARGS"): CniFailure =>
  failure(cniCodes.invalidEnvironment, message, details);
