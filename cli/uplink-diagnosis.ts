// doctor's judgements about the ways into this node: secondary NICs, and the guest agent's local route.

import { type Finding, ok, problem, symptoms, warning } from "./finding.ts";
import type { MachineFacts } from "./machine.ts";
import type { SecondaryNic } from "./uplink-facts.ts";

/** Packets for guests come in by each of them, or the addresses of that NIC are cut off. */
export function secondaryNics({
  uplinks: { secondary },
}: Pick<MachineFacts, "uplinks">): readonly Finding[] {
  if (secondary.length === 0) return [];
  const findings = secondary.flatMap(nicFindings);
  if (findings.length > 0) return findings;
  const names = secondary.map(({ nic }) => nic).join(" ");
  return [ok("secondary nics", `${names}: up, without address of their own`)];
}

function nicFindings({ nic, state, addresses, managers }: SecondaryNic): readonly Finding[] {
  const check = `nic ${nic}`;
  if (state === "absent")
    return [
      problem(
        check,
        "pool.json names it, and this machine has no such link",
        "see in the cloud whether its interface is attached; run cocoon-net init again, or for a hand-made node adopt",
        symptoms.unreachable,
      ),
    ];
  const findings: Finding[] = [];
  if (state === "down")
    findings.push(problem(check, "is down", `ip link set ${nic} up`, symptoms.unreachable));
  if (addresses.length > 0)
    findings.push(
      problem(
        check,
        `has ${addresses.join(" ")}: replies of guests may leave by the wrong way`,
        `ip -4 address flush dev ${nic}, and keep DHCP clients away from it`,
        symptoms.unreachable,
      ),
    );
  if (managers.length > 0)
    findings.push(
      warning(
        check,
        `${managers.join(", ")} would give it an address`,
        `make it unmanaged there (on Volcengine cocoon-net init writes the files), or end the client; then ip -4 address flush dev ${nic}`,
        symptoms.unreachable,
      ),
    );
  return findings;
}

/** Only of GKE: elsewhere there is no such agent. */
export function guestAgent({
  pool,
  uplinks: { agentRoutes, agent },
  brokerState,
}: Pick<MachineFacts, "pool" | "uplinks" | "brokerState">): readonly Finding[] {
  if (pool?.platform !== "gke") return [];
  const check = "guest agent";
  const findings: Finding[] = [];
  if (agentRoutes === undefined)
    findings.push(
      warning(
        check,
        "whether it has made a local route could not be read",
        `apt-get install iproute2, then look for ${pool.subnet} in: ip route show table local proto 66`,
        symptoms.unreachable,
      ),
    );
  else
    for (const route of agentRoutes)
      findings.push(
        problem(
          check,
          `its local route ${route} swallows the guests' packets`,
          brokerState === "running"
            ? `ip route del local ${route} table local proto 66; the broker removes it too when it comes back: see its log`
            : `start the broker, which removes it and keeps it gone; by hand: ip route del local ${route} table local proto 66`,
          symptoms.unreachable,
        ),
      );
  if (agent !== undefined && agent.units.length > 0 && !agent.routesOff)
    findings.push(
      warning(
        check,
        "it makes a local route for each alias range: ip_aliases is not off in /etc/default/instance_configs.cfg",
        `cocoon-net init switches it off; by hand: [IpForwarding] ip_aliases = false there, then systemctl restart ${agent.units.join(" ")}`,
        symptoms.unreachable,
      ),
    );
  return findings.length > 0 ? findings : [ok(check, "makes no local route")];
}

/** Names of links that an address inside the subnet is told of already. */
export const isSecondary = ({ uplinks }: Pick<MachineFacts, "uplinks">, nic: string): boolean =>
  uplinks.secondary.some((one) => one.nic === nic);
