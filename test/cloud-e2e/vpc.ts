// The VPC around a node, as a namespace: its router, another host in it, a host beyond it, and the node's primary NIC.
import { joinByVeth, type NetworkNamespace } from "#test/netns/namespaces.ts";

/** A host that is not in the VPC: packets to it may not carry a guest's address. */
export const BEYOND = "198.51.100.7";
/** The router's end of the node's primary NIC. */
export const PRIMARY_LINK = "vpc0";

export type VpcPlan = {
  /** Of the node's subnet, with its length: 10.0.0.1/20. */
  readonly router: string;
  /** The node's own address in it, and its NIC's MAC. */
  readonly nodeAddress: string;
  readonly nodeMac: string;
  /** Another host of the VPC, in the node's subnet. */
  readonly host: string;
  /** Where the metadata server is. */
  readonly metadata: string;
};

/** Joins both namespaces; the node's default route leads to the router. */
export async function layVpc(
  plan: VpcPlan,
  node: NetworkNamespace,
  cloud: NetworkNamespace,
): Promise<void> {
  await joinByVeth(
    { namespace: node, link: "eth0", mac: plan.nodeMac },
    { namespace: cloud, link: PRIMARY_LINK },
  );
  await cloud.exec(["ip", "addr", "add", plan.router, "dev", PRIMARY_LINK]);
  await addresses(cloud, plan.host, BEYOND, plan.metadata);
  const length = plan.router.split("/")[1] ?? "";
  await node.exec(["ip", "addr", "add", `${plan.nodeAddress}/${length}`, "dev", "eth0"]);
  await node.exec(["ip", "route", "add", "default", "via", plan.router.replace(/\/.*/, "")]);
  // A VPC sends a reply to whoever holds the address, wherever the question came from.
  await cloud.exec(["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0"]);
  await cloud.exec(["sysctl", "-qw", "net.ipv4.conf.default.rp_filter=0"]);
}

/** Addresses that the VPC's namespace answers for on each of its links. */
export async function addresses(
  cloud: NetworkNamespace,
  ...texts: readonly string[]
): Promise<void> {
  for (const text of texts) await cloud.exec(["ip", "addr", "replace", `${text}/32`, "dev", "lo"]);
}

export type Interface = {
  readonly id: string;
  readonly mac: string;
  readonly ips: readonly string[];
};

/** Where the VPC's end of an interface is found: eni-…000f becomes vpc-000f. */
export const farLink = ({ mac }: Pick<Interface, "mac">): string =>
  `vpc-${mac.replaceAll(":", "").slice(-6)}`;

/** Puts a NIC into the node, with the VPC's end in the cloud: what is sent to one of its addresses arrives by it. */
export async function plugInterface(
  plugged: Interface,
  link: string,
  node: NetworkNamespace,
  cloud: NetworkNamespace,
): Promise<void> {
  const far = farLink(plugged);
  await cloud.exec(["ip", "link", "add", far, "type", "veth", "peer", "name", "plugged"]);
  await cloud.exec(["ip", "link", "set", far, "up"]);
  for (const ip of plugged.ips) {
    await cloud.exec(["ip", "route", "replace", `${ip}/32`, "dev", far]);
    const neighbour = `ip neigh replace ${ip} lladdr ${plugged.mac} dev ${far} nud permanent`;
    await cloud.exec(neighbour.split(" "));
  }
  await cloud.exec(["ip", "link", "set", "plugged", "address", plugged.mac]);
  // It appears on the node at once with its MAC, as a card that is plugged in does.
  await cloud.exec(["ip", "link", "set", "plugged", "netns", node.name, "name", link]);
}

/** Takes both ends away, and with them the routes. */
export async function unplugInterface(
  plugged: Pick<Interface, "mac">,
  cloud: NetworkNamespace,
): Promise<void> {
  await cloud.exec(["ip", "link", "del", farLink(plugged)]);
}
