// Source rules, tables and stand-in next hops of secondary NICs, and a guest agent's local routes, in the kernel.

import { BrokerError } from "#core/errors.ts";
import type { UplinkChange, UplinkPort } from "#broker/node/uplinks.ts";
import { whoHas } from "./arp-probe.ts";
import { messageType } from "./netlink-codec.ts";
import { NetlinkError, errno } from "./netlink-error.ts";
import type { Netlink, NetlinkRequest } from "./netlink.ts";
import { macOfLink } from "./nic-names.ts";
import {
  deleteAgentRoute,
  everyIpv4Route,
  everyRule,
  nextHopOf,
  nextHopRequest,
  readAgentRoute,
  readSourceRule,
  readTableRoute,
  ruleRequest,
  tableRouteRequest,
} from "./policy-codec.ts";
import { everyNeighbour, readNeighbour } from "./route-codec.ts";

export function openUplinkRoutes(netlink: Netlink): UplinkPort {
  return {
    async observe() {
      const routes = await netlink.dump(messageType.getRoute, everyIpv4Route(), (message) => {
        const ours = readTableRoute(message);
        if (ours !== undefined) return { ours };
        const agent = readAgentRoute(message);
        return agent === undefined ? undefined : { agent };
      });
      const neighbours = await netlink.dump(
        messageType.getNeighbour,
        everyNeighbour(),
        readNeighbour,
      );
      return {
        rules: await netlink.dump(messageType.getRule, everyRule(), readSourceRule),
        routes: routes.flatMap((route) => ("ours" in route ? [route.ours] : [])),
        agentRoutes: routes.flatMap((route) => ("agent" in route ? [route.agent] : [])),
        nextHops: neighbours.flatMap((neighbour) => nextHopOf(neighbour) ?? []),
      };
    },
    async apply(changes) {
      const answers = await netlink.request(changes.map(requestOf));
      return answers.map((error, index) => (isFine(error, changes[index]) ? undefined : error));
    },
    async resolve(link, gateway, sender) {
      const mac = await macOfLink(netlink, link);
      if (mac === undefined)
        throw new BrokerError("system-failure", `the NIC with index ${link} is gone`, {
          hint: "it is looked for again when a link changes",
        });
      return whoHas({ link, mac, wanted: gateway, sender });
    },
  };
}

function requestOf(change: UplinkChange): NetlinkRequest {
  switch (change.change) {
    case "add-rule":
      return ruleRequest("add", change.rule);
    case "delete-rule":
      return ruleRequest("delete", change.rule);
    case "add-route":
      return tableRouteRequest("add", change.route);
    case "delete-route":
      return tableRouteRequest("delete", change.route);
    case "set-next-hop":
      return nextHopRequest("set", change.nextHop);
    case "delete-next-hop":
      return nextHopRequest("delete", change.nextHop);
    case "delete-agent-route":
      return deleteAgentRoute(change.route);
    default:
      return change satisfies never;
  }
}

/** Adding what stands and deleting what is gone has come true. */
function isFine(error: Error | undefined, change: UplinkChange | undefined): boolean {
  if (error === undefined) return true;
  if (!(error instanceof NetlinkError) || change === undefined) return false;
  return change.change.startsWith("delete-")
    ? gone.includes(error.errno)
    : error.errno === errno.exists;
}
const gone: readonly number[] = [errno.noProcess, errno.notFound, errno.noDevice];
