// doctor's judgements about guests: who gives them addresses, and what checks their ports.

import type { Config } from "#broker/config.ts";
import type { DhcpListener } from "./dhcp-listeners.ts";
import { type Finding, ok, problem, symptoms, warning } from "./finding.ts";
import type { DoctorConfig, MachineFacts } from "./machine.ts";

/** Only who asks for the check needs the program. */
export function sourceCheck(
  { nft }: MachineFacts,
  { guestMacCheck }: Pick<Config, "guestMacCheck">,
): Finding {
  const check = "guest mac check";
  if (nft) return ok(check, "nft is installed");
  const missing = "nft is not installed";
  return guestMacCheck
    ? problem(check, missing, "apt-get install nftables, or leave --guest-mac-check out")
    : ok(check, `${missing}, and --guest-mac-check is off`);
}

export function otherServers({ rogueServers }: MachineFacts): Finding {
  const check = "other dhcp servers";
  if (rogueServers === undefined) return ok(check, "unknown: the broker was not asked");
  if (rogueServers.length === 0) return ok(check, "none answers on the bridge");
  const told = rogueServers.map(({ server, mac, port }) => `${server} (${mac}, port ${port})`);
  return warning(
    check,
    `on the bridge there answers ${told.join(", ")}`,
    "end it, or take its port off the bridge: guests may get addresses from it that are not routed",
    symptoms.wrongSubnet,
  );
}

export function broker({ brokerState }: MachineFacts, config: DoctorConfig): Finding {
  switch (brokerState) {
    case "running":
      return ok("broker", `serves on ${config.socket}`);
    case "not-serving":
      return warning(
        "broker",
        `runs on ${config.socket} but does not serve`,
        "cocoon-net status says why",
        symptoms.noLease,
      );
    case "stale":
      return warning(
        "broker",
        `${config.socket} is left from a broker that died`,
        "start the broker; it replaces the file; journalctl -u cocoon-net says why it died",
        symptoms.noLease,
      );
    case "absent":
      return warning(
        "broker",
        "is not running",
        "systemctl start cocoon-net; if it ends again: journalctl -u cocoon-net",
        symptoms.noLease,
      );
    default:
      return brokerState satisfies never;
  }
}

/** Whoever is bound to another link alone is in nobody's way. */
export function dhcpPort(
  { dhcpListeners, brokerProcess, brokerState }: MachineFacts,
  { bridge }: Pick<DoctorConfig, "bridge">,
): Finding {
  const check = "dhcp port";
  const serving = brokerState === "running";
  const others = dhcpListeners.filter(
    ({ process, device }) =>
      (device === undefined || device === bridge) &&
      // Who it is cannot be told; a broker that serves has the port.
      !(serving && (process === undefined || process === brokerProcess)),
  );
  if (others.length === 0) return ok(check, "no other DHCP server in the way");
  const cause = `${others.map(listenerInWords).join(", ")} listens on UDP port 67`;
  const remedy =
    "stop it, or bind it to its own interfaces (dnsmasq: interface= with bind-interfaces); `ss -lunp sport = :67` lists it";
  return serving
    ? warning(check, `${cause} of the bridge too`, remedy, symptoms.wrongSubnet)
    : problem(check, cause, remedy, symptoms.noLease);
}

const listenerInWords = ({ program, process }: DhcpListener): string =>
  process === undefined ? "another program" : `${program} (process ${process})`;
