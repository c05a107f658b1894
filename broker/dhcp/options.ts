// The option table: one row per option the server reads or writes, its code and the shape of its value.

import { classlessRoutes } from "./classless-routes.ts";
import { clientFqdn } from "./client-fqdn.ts";
import { domainList } from "./domain-names.ts";
import type { OptionField, OptionMap } from "./option-fields.ts";
import {
  type Shape,
  clientIdentifier,
  empty,
  ipv4,
  ipv4List,
  raw,
  text,
  uint16,
  uint32,
  uint8,
} from "./option-shapes.ts";

export interface Option<Value> extends Shape<Value> {
  readonly code: number;
}

export const options = {
  subnetMask: option(1, ipv4), // RFC 2132 3.3
  routers: option(3, ipv4List), // RFC 2132 3.5
  domainNameServers: option(6, ipv4List), // RFC 2132 3.8
  hostName: option(12, text), // RFC 2132 3.14
  domainName: option(15, text), // RFC 2132 3.17
  interfaceMtu: option(26, uint16), // RFC 2132 5.1
  broadcastAddress: option(28, ipv4), // RFC 2132 5.3
  ntpServers: option(42, ipv4List), // RFC 2132 8.3
  requestedAddress: option(50, ipv4), // RFC 2132 9.1
  leaseTime: option(51, uint32), // RFC 2132 9.2
  messageType: option(53, uint8), // RFC 2132 9.6
  serverIdentifier: option(54, ipv4), // RFC 2132 9.7
  parameterRequest: option(55, raw), // RFC 2132 9.8
  message: option(56, text), // RFC 2132 9.9
  maxMessageSize: option(57, uint16), // RFC 2132 9.10
  renewalTime: option(58, uint32), // RFC 2132 9.11
  rebindingTime: option(59, uint32), // RFC 2132 9.12
  clientIdentifier: option(61, clientIdentifier), // RFC 2132 9.14, RFC 6842
  rapidCommit: option(80, empty), // RFC 4039
  clientFqdn: option(81, clientFqdn), // RFC 4702
  relayAgentInformation: option(82, raw), // RFC 3046
  domainSearch: option(119, domainList), // RFC 3397
  classlessRoutes: option(121, classlessRoutes), // RFC 3442
  microsoftClasslessRoutes: option(249, classlessRoutes), // MS-DHCPE 2.2.8
} as const;

/** The option's value, or undefined when it is absent or of another shape. */
export function readOption<Value>(from: OptionMap, wanted: Option<Value>): Value | undefined {
  const bytes = from.get(wanted.code);
  return bytes === undefined ? undefined : wanted.decode(bytes);
}

export function fieldOf<Value>(wanted: Option<Value>, value: Value): OptionField {
  return { code: wanted.code, value: wanted.encode(value) };
}

function option<Value>(code: number, shape: Shape<Value>): Option<Value> {
  return { code, decode: shape.decode, encode: shape.encode };
}
