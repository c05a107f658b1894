// doctor's judgements about guests: what checks their ports, and who else gives them addresses.

import type { Config } from "#broker/config.ts";
import { type Finding, ok, problem, warning } from "./finding.ts";
import type { MachineFacts } from "./machine.ts";

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
  );
}
