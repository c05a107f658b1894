// The steps from what is to what should be; none when the node is ready.

import { ipFamily } from "#core/address.ts";
import { BRIDGE_ALIAS, type DesiredNode, type DesiredSysctl } from "./desired.ts";
import { chainText, isInPlace, readChain } from "./firewall-text.ts";
import type { NodeLink, NodeRules } from "./ports.ts";
import type { NodeStep } from "./step.ts";
import type { Takeover } from "./takeover.ts";

export interface ObservedNode {
  readonly links: readonly NodeLink[];
  readonly bridge: Exclude<Takeover, { kind: "foreign" }>;
  readonly sysctl: (key: string) => string | undefined;
  /** Absent when no chain is desired. */
  readonly rules?: NodeRules;
  /** Indexes of the ports behind which guests hold addresses. */
  readonly guestPorts?: ReadonlySet<number>;
}

/** In the order in which they must be made: the bridge's sysctls exist only once the bridge does. */
export function diffNode(desired: DesiredNode, observed: ObservedNode): readonly NodeStep[] {
  return [
    ...bridgeSteps(desired, observed),
    ...nicSteps(desired, observed.links),
    ...isolationSteps(desired, observed),
    ...desired.sysctls.flatMap((sysctl) => sysctlSteps(sysctl, observed)),
    ...ruleSteps(desired, observed.rules),
  ];
}

function bridgeSteps(
  { bridge, gateway }: DesiredNode,
  observed: ObservedNode,
): readonly NodeStep[] {
  const { name, mac, mtu } = bridge;
  const add: NodeStep = { step: "add-address", name, ...gateway };
  const up: NodeStep = { step: "set-link", name, up: true };
  if (observed.bridge.kind === "absent") {
    return [{ step: "create-bridge", name, mac, mtu, alias: BRIDGE_ALIAS }, add, up];
  }
  const { link } = observed.bridge;
  const standing = link.addresses.filter(
    (address) => ipFamily(address.ip) === ipFamily(gateway.ip),
  );
  const right = standing.some(({ ip, length }) => ip === gateway.ip && length === gateway.length);
  const wrong = standing.filter(
    (address) =>
      (address.ours || address.ip === gateway.ip) &&
      !(address.ip === gateway.ip && address.length === gateway.length),
  );
  return [
    ...wrong.map(({ ip, length }): NodeStep => ({ step: "delete-address", name, ip, length })),
    ...(right ? [] : [add]),
    ...(link.mtu === mtu ? [] : [{ step: "set-link", name, mtu } as const]),
    ...(link.up ? [] : [up]),
  ];
}

/** A NIC that is missing altogether shows in its sysctl, which cannot be set. */
function nicSteps({ bareNics }: DesiredNode, links: readonly NodeLink[]): readonly NodeStep[] {
  return links
    .filter((link) => bareNics.includes(link.name))
    .flatMap(({ name, up, addresses }): readonly NodeStep[] => [
      ...(up ? [] : [{ step: "set-link", name, up: true } as const]),
      ...addresses
        .filter((address) => ipFamily(address.ip) === 4)
        .map(({ ip, length }): NodeStep => ({ step: "delete-address", name, ip, length })),
    ]);
}

/** Guests' ports are the tap devices, and those behind which a guest holds an address by DHCP. */
function isolationSteps(desired: DesiredNode, observed: ObservedNode): readonly NodeStep[] {
  if (!desired.isolateGuests || observed.bridge.kind === "absent") return [];
  const { index } = observed.bridge.link;
  const isGuest = (link: NodeLink) =>
    link.kind === "tun" || observed.guestPorts?.has(link.index) === true;
  return observed.links
    .filter((link) => link.master === index && isGuest(link) && !link.isolated)
    .map(({ name }): NodeStep => ({ step: "set-link", name, isolated: true }));
}

/** A setting that this kernel or namespace does not have at all is left out unless it must be exact. */
function sysctlSteps(
  { key, value, rule }: DesiredSysctl,
  observed: ObservedNode,
): readonly NodeStep[] {
  const before = observed.sysctl(key);
  if (rule === "at-least" && (before === undefined || Number(before) >= value)) return [];
  if (rule === "exactly" && before === String(value)) return [];
  return [
    { step: "set-sysctl", key, value: String(value), ...(before === undefined ? {} : { before }) },
  ];
}

function ruleSteps({ chains }: DesiredNode, rules: NodeRules | undefined): readonly NodeStep[] {
  if (rules === undefined) return [];
  return chains.flatMap((desired): readonly NodeStep[] => {
    const standing = readChain(rules, desired);
    if (isInPlace(desired, standing)) return [];
    const { table, chain } = desired;
    return [
      {
        step: "write-rules",
        table,
        chain,
        text: chainText(desired, standing),
        backend: rules.backend,
      },
    ];
  });
}
