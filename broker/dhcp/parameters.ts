// The options of an OFFER or ACK beside the lease itself (RFC 2131 4.3.1): what always goes and what is asked for.

import { ipFromNumber } from "#core/address.ts";
import { netmask, prefixLast } from "#core/prefix.ts";
import { withDefaultRoute } from "./classless-routes.ts";
import { withoutUpdates } from "./client-fqdn.ts";
import type { DhcpRequest } from "./message.ts";
import type { OptionField } from "./option-fields.ts";
import { fieldOf, options } from "./options.ts";
import { type DhcpSettings, ETHERNET_MTU } from "./settings.ts";

/** What a client gets that sends no option 55. */
const UNASKED: Uint8Array = Uint8Array.of(options.domainName.code, options.broadcastAddress.code);

/** A function that answers with the options for a request, in the order in which they are written. */
export function createParameters(settings: DhcpSettings): (request: DhcpRequest) => OptionField[] {
  const always = alwaysSent(settings);
  const onRequest = sentOnRequest(settings);
  return (request) => {
    const asked = request.parameters ?? UNASKED;
    const fields = [...always];
    for (const field of onRequest) if (asked.includes(field.code)) fields.push(field);
    if (request.hostName !== undefined && asked.includes(options.hostName.code))
      fields.push(fieldOf(options.hostName, request.hostName));
    if (request.fqdn !== undefined)
      fields.push(fieldOf(options.clientFqdn, withoutUpdates(request.fqdn)));
    return fields;
  };
}

/** The netmask first (clients without it guess a class) and even when nothing is asked for. */
function alwaysSent({ serverId, subnet, dns, mtu }: DhcpSettings): OptionField[] {
  const fields = [
    fieldOf(options.subnetMask, netmask(subnet)),
    fieldOf(options.routers, [serverId]),
  ];
  if (dns.length > 0) fields.push(fieldOf(options.domainNameServers, dns));
  if (mtu !== ETHERNET_MTU) fields.push(fieldOf(options.interfaceMtu, mtu));
  return fields;
}

function sentOnRequest(settings: DhcpSettings): OptionField[] {
  const { serverId, subnet, domain, search, ntp } = settings;
  const routes = withDefaultRoute(settings.routes, serverId);
  const fields: OptionField[] = [];
  // A client that gets 121 ignores 3 and a Windows client takes whichever of 121 and 249 it likes: both say the same.
  if (routes.length > 0) {
    fields.push(fieldOf(options.classlessRoutes, routes));
    fields.push(fieldOf(options.microsoftClasslessRoutes, routes));
  }
  if (domain !== undefined) fields.push(fieldOf(options.domainName, domain));
  fields.push(fieldOf(options.broadcastAddress, ipFromNumber(4, prefixLast(subnet))));
  if (ntp.length > 0) fields.push(fieldOf(options.ntpServers, ntp));
  if (search.length > 0) fields.push(fieldOf(options.domainSearch, search));
  return fields;
}
