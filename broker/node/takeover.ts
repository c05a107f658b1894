// Whether an existing interface with the bridge's name may become our bridge (spec section 3).

import { type Ip, ipFamily } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { BRIDGE_ALIAS } from "./desired.ts";
import type { NodeLink } from "./ports.ts";

export type Takeover =
  /** There is none. */
  | { readonly kind: "absent" }
  /** We made it, or took it over before. */
  | { readonly kind: "ours"; readonly link: NodeLink }
  /** Someone else made it, and the rule lets us have it. */
  | { readonly kind: "adoptable"; readonly link: NodeLink }
  | { readonly kind: "foreign"; readonly error: BrokerError };

export interface TakeoverQuestion {
  readonly links: readonly NodeLink[];
  readonly bridge: string;
  readonly gateway: Ip;
  /** Index of the bridge that was taken over before, if any. */
  readonly takenOver?: number;
}

/** Ours to take: its one address of the gateway's family is our gateway, or it has neither address nor port. */
export function judgeBridge({ links, bridge, gateway, takenOver }: TakeoverQuestion): Takeover {
  const link = links.find((candidate) => candidate.name === bridge);
  if (link === undefined) return { kind: "absent" };
  const ports = links
    .filter((candidate) => candidate.master === link.index)
    .map((port) => port.name);
  const addresses = link.addresses.filter(
    (address) => ipFamily(address.ip) === 4 || address.global,
  );
  const rivals = addresses.filter((address) => ipFamily(address.ip) === ipFamily(gateway));
  const strangers = rivals.filter((address) => !address.ours && address.ip !== gateway);
  if (link.kind === "bridge" && strangers.length === 0) {
    if (link.alias === BRIDGE_ALIAS || link.index === takenOver) return { kind: "ours", link };
    if (rivals.length > 0) return { kind: "adoptable", link };
    if (addresses.length === 0 && ports.length === 0) return { kind: "adoptable", link };
  }
  return { kind: "foreign", error: foreignBridge(link, addresses, ports) };
}

function foreignBridge(
  link: NodeLink,
  addresses: NodeLink["addresses"],
  ports: readonly string[],
): BrokerError {
  const kind = link.kind === "" ? "device" : link.kind;
  const held = addresses.map((address) => `${address.ip}/${address.length}`).join(", ") || "none";
  return new BrokerError(
    "foreign-bridge",
    `the ${kind} ${link.name} belongs to someone else: addresses ${held}; ports ${ports.join(", ") || "none"}`,
    {
      details: "it was left as it is",
      hint: "choose another name with --bridge, for example --bridge cocoon0",
    },
  );
}
