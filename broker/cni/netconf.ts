// The network conf that a runtime sends on stdin: read once here, bounded in every part, unknown keys left alone.

import * as z from "zod/mini";
import { type CniFailure, cniCodes, failure } from "./failure.ts";
import { ABSENT_VERSION, type CniVersion, describeVersions, parseCniVersion } from "./version.ts";

/** Longest conf in UTF-16 units; the wire's body limit is the same. */
const MAX_CONF_LENGTH = 1_048_576;
/** Longest network name: with {@link MAX_CONTAINER_ID} it keeps an owner's key within the ledger's limit. */
const MAX_NETWORK_NAME = 128;
export const MAX_CONTAINER_ID = 200;
/** Longest address, prefix or MAC that is looked at. */
const MAX_ADDRESS_TEXT = 64;
const MAX_RANGE_SETS = 64;
const MAX_RANGES_PER_SET = 256;
const MAX_EXCLUDES = 256;
const MAX_REQUESTED = 64;
const MAX_ROUTES = 1024;
const MAX_DNS_ENTRIES = 64;
const MAX_DNS_TEXT = 1024;
const MAX_PATH = 4096;
/** Longest name under which an address is kept. */
export const MAX_STICKY_NAME = 253;

const text = (longest: number) => z.string().check(z.maxLength(longest));
const list = <Item extends z.ZodMiniType>(item: Item, longest: number) =>
  z.array(item).check(z.maxLength(longest));
const address = text(MAX_ADDRESS_TEXT);
const addresses = list(address, MAX_REQUESTED);
const dnsList = z.nullish(list(text(MAX_DNS_TEXT), MAX_DNS_ENTRIES));
const count = z.nullish(z.int().check(z.minimum(0)));

const rangeSchema = z.object({
  subnet: address,
  rangeStart: z.nullish(address),
  rangeEnd: z.nullish(address),
  gateway: z.nullish(address),
  exclude: z.nullish(list(address, MAX_EXCLUDES)),
});
const rangeSetsSchema = z.nullish(list(list(rangeSchema, MAX_RANGES_PER_SET), MAX_RANGE_SETS));
const routeSchema = z.object({
  dst: address,
  gw: z.nullish(address),
  mtu: count,
  advmss: count,
  priority: count,
  table: count,
  scope: count,
});
const dnsSchema = z.object({
  nameservers: dnsList,
  domain: z.nullish(text(MAX_DNS_TEXT)),
  search: dnsList,
  options: dnsList,
});
const ipamSchema = z.object({
  pool: z.nullish(text(MAX_STICKY_NAME)),
  ranges: rangeSetsSchema,
  subnet: z.nullish(address),
  rangeStart: z.nullish(address),
  rangeEnd: z.nullish(address),
  gateway: z.nullish(address),
  exclude: z.nullish(list(address, MAX_EXCLUDES)),
  routes: z.nullish(list(routeSchema, MAX_ROUTES)),
  resolvConf: z.nullish(text(MAX_PATH)),
  dns: z.nullish(dnsSchema),
  sticky: z.nullish(z.union([z.boolean(), text(MAX_STICKY_NAME)])),
  strict: z.nullish(z.boolean()),
  statusOnExhaustion: z.nullish(z.boolean()),
});
const netconfSchema = z.object({
  ipam: z.nullish(ipamSchema),
  dns: z.nullish(dnsSchema),
  args: z.nullish(z.object({ cni: z.nullish(z.object({ ips: z.nullish(addresses) })) })),
  runtimeConfig: z.nullish(
    z.object({
      ips: z.nullish(addresses),
      ipRanges: rangeSetsSchema,
      mac: z.nullish(address),
      dns: z.nullish(z.object({ servers: dnsList, searches: dnsList, options: dnsList })),
      "io.kubernetes.cri.pod-annotations": z.nullish(z.record(z.string(), z.unknown())),
    }),
  ),
});

export type RangeConf = z.infer<typeof rangeSchema>;
export type RouteConf = z.infer<typeof routeSchema>;
type IpamConf = z.infer<typeof ipamSchema>;
export type Netconf = z.infer<typeof netconfSchema> & { readonly ipam: IpamConf };
/** A conf of which no more is known than that it is a JSON object. */
export type RawConf = Readonly<Record<string, unknown>>;

/** Stdin as a JSON object; code 6 for anything else. `null` counts as an object without keys, as it does in libcni. */
export function parseJsonObject(stdin: string): RawConf | CniFailure {
  if (stdin.length > MAX_CONF_LENGTH)
    return undecodable(`it is longer than ${MAX_CONF_LENGTH} characters`);
  try {
    const value: unknown = JSON.parse(stdin);
    if (typeof value === "object" && !Array.isArray(value)) return { ...value };
    return undecodable("it is not a JSON object");
  } catch (error) {
    return undecodable(error instanceof Error ? error.message : String(error));
  }
}

/** The version that the conf asks for; code 1 when it is not one of ours. */
export function versionOf(conf: RawConf): CniVersion | CniFailure {
  const asked = conf["cniVersion"] ?? "";
  if (typeof asked !== "string") return undecodable("cniVersion is not a string");
  if (asked === "") return ABSENT_VERSION;
  return (
    parseCniVersion(asked) ??
    failure(
      cniCodes.incompatibleVersion,
      "incompatible CNI versions",
      describeVersions(asked.slice(0, 64)),
    )
  );
}

/** The network's name by the rules of CNI spec 1.1.0 ("Network configuration format"); code 7 for a bad one. */
export function networkOf(conf: RawConf): string | CniFailure {
  const name = conf["name"] ?? "";
  if (typeof name !== "string") return undecodable("name is not a string");
  if (name === "") return invalidConf("missing network name");
  if (!isCniName(name))
    return invalidConf("invalid characters found in network name", name.slice(0, MAX_NETWORK_NAME));
  if (name.length > MAX_NETWORK_NAME)
    return invalidConf("network name is too long", `at most ${MAX_NETWORK_NAME} characters`);
  return name;
}

/** The parts of the conf that ADD, CHECK and STATUS look at; code 7 names the first part that is wrong. */
export function parseNetconf(conf: RawConf): Netconf | CniFailure {
  const parsed = netconfSchema.safeParse(conf);
  if (!parsed.success)
    return invalidConf("invalid network config", describeIssue(parsed.error.issues[0]));
  const { ipam } = parsed.data;
  if (ipam === undefined || ipam === null) return invalidConf("IPAM config missing 'ipam' key");
  return { ...parsed.data, ipam };
}

/** The characters of container IDs and network names (CNI spec 1.1.0). */
export const isCniName = (name: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(name);

export const invalidConf = (message: string, details = ""): CniFailure =>
  failure(cniCodes.invalidConfig, message, details);

/** Where the conf is wrong and what belongs there, for example `ipam.routes.0.dst: expected string`. */
export function describeIssue(issue: z.core.$ZodIssue | undefined): string {
  if (issue === undefined) return "";
  const where = issue.path.map(String).join(".");
  if (issue.code === "invalid_type") return `${where}: expected ${issue.expected}`;
  if (issue.code === "too_big") return `${where}: more than ${issue.maximum}`;
  return `${where}: ${issue.code.replaceAll("_", " ")}`;
}

const undecodable = (why: string): CniFailure =>
  failure(cniCodes.decodingFailure, `error parsing the network config on stdin: ${why}`);
