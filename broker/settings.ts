// The one schema of every setting: flag, variable, key, default, meaning and what counts as a value.

import * as z from "zod/mini";
import {
  type Setting,
  type SettingKind,
  address,
  cidr,
  link,
  list,
  listen,
  off,
  path,
  whole,
  word,
} from "./setting.ts";

export const POOL_SIZE_LIMIT = 1 << 24;

const provisioning = ["init", "adopt"] as const;
const everywhere = [
  "init",
  "adopt",
  "daemon",
  "status",
  "teardown",
  "conflist",
  "doctor",
  "fsck",
  "install",
  "broker",
] as const;

export const settings = {
  platform: setting(
    "text",
    "platform",
    z.optional(z.enum(["gke", "volcengine", "local"], "is not one of gke, volcengine, local")),
    {
      placeholder: "name",
      fallback: "detected",
      meaning: "Where the addresses come from: gke, volcengine or local (no cloud).",
      usedBy: ["init", "adopt", "teardown", "doctor"],
    },
  ),
  nodeName: setting("text", "node-name", z.optional(word), {
    placeholder: "name",
    fallback: "the host name (init: that of pool.json first)",
    meaning:
      "Name of this node in its pool file and, on a cloud, in the names of what is made for it; teardown needs it when pool.json is lost.",
    usedBy: [...provisioning, "teardown"],
  }),
  subnet: setting("text", "subnet", z.optional(cidr), {
    placeholder: "cidr",
    fallback: "required",
    meaning: "The block that this node's addresses are taken from.",
    usedBy: ["init", "adopt", "doctor"],
  }),
  poolSize: setting("number", "pool-size", z.optional(whole(1, POOL_SIZE_LIMIT)), {
    placeholder: "count",
    fallback: "140 for init, 253 for adopt, the whole subnet for adopt --platform local",
    meaning: "How many addresses of the subnet the node may give away.",
    usedBy: provisioning,
  }),
  gateway: setting("text", "gateway", z.optional(address), {
    placeholder: "ip",
    fallback: "the first address of the subnet",
    meaning: "The bridge's address, which containers and guests use as their default gateway.",
    usedBy: provisioning,
  }),
  primaryNic: setting("text", "primary-nic", z.optional(link), {
    placeholder: "nic",
    fallback: "the interface of the default route",
    meaning: "The node's main network interface.",
    usedBy: provisioning,
  }),
  dns: setting("list", "dns", z._default(list(address), ["8.8.8.8", "1.1.1.1"]), {
    placeholder: "ip,...",
    meaning: "Name servers that guests are told by DHCP.",
    usedBy: provisioning,
  }),
  stateDir: setting("text", "state-dir", z._default(path, "/var/lib/cocoon/net"), {
    placeholder: "path",
    meaning: "Folder of pool.json, the ledger, the spool of releases and the lease mirror.",
    usedBy: everywhere,
  }),
  leaseFile: setting("text", "lease-file", z.optional(path), {
    placeholder: "path",
    fallback: "leases.json in the state folder",
    meaning: "The lease mirror that people and the Go version read.",
    usedBy: ["daemon", "status", "teardown", "fsck"],
  }),
  socket: setting("text", "socket", z._default(path, "/run/cocoon-net/broker.sock"), {
    placeholder: "path",
    meaning: "The broker's Unix socket (mode 0600).",
    usedBy: everywhere,
  }),
  bridge: setting("text", "bridge", z._default(link, "cni0"), {
    placeholder: "name",
    meaning: "The bridge that containers and guests are plugged into.",
    usedBy: ["init", "adopt", "daemon", "status", "teardown", "conflist", "doctor", "fsck"],
  }),
  cniConfDir: setting("text", "cni-conf-dir", z._default(path, "/etc/cni/net.d"), {
    placeholder: "path",
    meaning: "Folder that the conflists are written to.",
    usedBy: ["init", "adopt", "daemon", "teardown", "conflist", "doctor", "install"],
  }),
  cniBinDir: setting("text", "cni-bin-dir", z._default(path, "/opt/cni/bin"), {
    placeholder: "path",
    meaning: "Folder of the CNI plugins.",
    usedBy: ["init", "adopt", "daemon", "conflist", "doctor", "install"],
  }),
  dropCidr: setting("list", "drop-cidr", z._default(list(cidr), []), {
    placeholder: "cidr",
    meaning: "Traffic forwarded from the bridge to this range is dropped; may be repeated.",
    usedBy: provisioning,
  }),
  dropInternalAccess: setting("switch", "drop-internal-access", off, {
    meaning: "Traffic forwarded from the bridge to the node's own subnet is dropped.",
    usedBy: provisioning,
  }),
  manageIptables: setting("switch", "manage-iptables", off, {
    meaning: "Lets the broker keep its iptables rules on an adopted node; kept in pool.json.",
    usedBy: ["adopt"],
  }),
  skipIptables: setting("switch", "skip-iptables", off, {
    meaning: "The broker leaves iptables alone, whatever pool.json says.",
    usedBy: ["daemon"],
  }),
  noMasqueradeCidr: setting("list", "no-masquerade-cidr", z._default(list(cidr), []), {
    placeholder: "cidr",
    meaning: "Traffic to this range keeps its source address; may be repeated.",
    usedBy: ["daemon"],
  }),
  guestIsolation: setting("switch", "guest-isolation", off, {
    meaning:
      "Guests' ports of the bridge cannot reach each other directly; traffic between them is routed by the node.",
    usedBy: ["daemon"],
  }),
  guestMacCheck: setting("switch", "guest-mac-check", off, {
    meaning:
      "A guest's port of the bridge may send only with the MAC, and once leased the IPv4 address, of its one guest; needs nft.",
    usedBy: ["daemon"],
  }),
  durability: setting(
    "text",
    "durability",
    z._default(z.enum(["sync", "relaxed"], "is not one of sync, relaxed"), "sync"),
    {
      placeholder: "mode",
      meaning:
        "sync: an answer leaves after the change is on disk. relaxed: the disk follows within 100 ms.",
      usedBy: ["daemon"],
    },
  ),
  metricsAddr: setting("text", "metrics-addr", z._default(listen, ":9092"), {
    placeholder: "address",
    meaning: "Where Prometheus metrics are served; empty disables.",
    usedBy: ["daemon"],
  }),
  logLevel: setting(
    "text",
    "log-level",
    z._default(
      z.enum(["debug", "info", "warn", "error"], "is not one of debug, info, warn, error"),
      "info",
    ),
    {
      placeholder: "level",
      meaning: "Least severe log line that is written to standard error.",
      usedBy: ["daemon"],
    },
  ),
  makeDefault: setting("switch", "make-default", off, {
    meaning:
      "Agrees that our conflist replaces another network as the container runtime's default.",
    usedBy: ["init", "adopt", "conflist"],
  }),
  securityGroup: setting("list", "security-group", z._default(list(word), []), {
    placeholder: "id",
    meaning: "Security groups of the secondary interfaces (Volcengine); may be repeated.",
    usedBy: ["init"],
  }),
  authorizeVpcIngress: setting("switch", "authorize-vpc-ingress", off, {
    meaning: "Lets init add the missing security-group rule for VPC-internal traffic (Volcengine).",
    usedBy: ["init"],
  }),
  includeUntagged: setting("switch", "include-untagged", off, {
    meaning:
      "Teardown also removes what pool.json records without our tag or journal: interfaces, if instance, subnet and name agree (Volcengine); the alias range, if range and node agree (GKE).",
    usedBy: ["teardown"],
  }),
  store: setting(
    "text",
    "store",
    z.optional(
      z
        .string()
        .check(
          z.refine(
            (text) => /^(etcd|rediss?):\/\/./.test(text),
            "is not etcd://host:port or redis://host:port",
          ),
        ),
    ),
    {
      placeholder: "url",
      fallback: "none: the node stands alone",
      meaning: "The central store (not in this release).",
      usedBy: ["daemon"],
    },
  ),
  dhcpLeaseSeconds: fileOnly(
    "number",
    "dhcp.leaseSeconds",
    z._default(whole(120, 31_536_000), 86_400),
    "Length of a guest's lease.",
  ),
  dhcpAllowRelay: fileOnly(
    "switch",
    "dhcp.allowRelay",
    off,
    "Answers requests that came through a DHCP relay on the bridge.",
  ),
  dhcpLeasesPerPort: fileOnly(
    "number",
    "dhcp.leasesPerPort",
    z._default(whole(0, 65_536), 32),
    "How many addresses guests behind one port of the bridge may hold; 0: any number. One with --guest-mac-check.",
  ),
  dhcpDomain: fileOnly(
    "text",
    "dhcp.domain",
    z.optional(word),
    "Domain name that guests are told (option 15).",
    "none",
  ),
  dhcpSearch: fileOnly(
    "list",
    "dhcp.search",
    z._default(list(word), []),
    "Search list that guests are told (option 119).",
  ),
  dhcpNtp: fileOnly(
    "list",
    "dhcp.ntp",
    z._default(list(address), []),
    "Time servers that guests are told (option 42).",
  ),
} as const;

export type SettingName = keyof typeof settings;
/** What every setting came to, by its name in {@link settings}. */
export type SettingValues = {
  readonly [Name in SettingName]: z.infer<(typeof settings)[Name]["schema"]>;
};

function setting<Schema extends z.ZodMiniType>(
  kind: SettingKind,
  key: string,
  schema: Schema,
  rest: Pick<Setting, "meaning" | "usedBy" | "fallback" | "placeholder">,
): Setting<Schema> {
  return { flag: key, key, kind, schema, ...rest };
}

function fileOnly<Schema extends z.ZodMiniType>(
  kind: SettingKind,
  key: string,
  schema: Schema,
  meaning: string,
  fallback?: string,
): Setting<Schema> {
  return {
    key,
    kind,
    schema,
    meaning,
    usedBy: ["daemon"],
    ...(fallback === undefined ? {} : { fallback }),
  };
}
