// Classless static routes (RFC 3442): width, the significant octets of the destination, router.

import { type Ip, ipFromNumber, ipv4FromUint } from "#core/address.ts";
import { type Prefix, prefixAddress, prefixOf } from "#core/prefix.ts";
import { type Shape, ipv4 } from "./option-shapes.ts";

/** A router of 0.0.0.0 says that the destination is on the link itself. */
export interface ClasslessRoute {
  readonly destination: Prefix;
  readonly router: Ip;
}

const MAX_WIDTH = 32;

export const classlessRoutes: Shape<readonly ClasslessRoute[]> = {
  decode(bytes) {
    const routes: ClasslessRoute[] = [];
    let at = 0;
    while (at < bytes.length) {
      const width = bytes[at] ?? 0;
      const octets = Math.ceil(width / 8);
      const end = at + 1 + octets + 4;
      if (width > MAX_WIDTH || end > bytes.length) return undefined;
      const router = ipv4.decode(bytes.subarray(end - 4, end));
      if (router === undefined) return undefined;
      routes.push({
        destination: destinationOf(bytes.subarray(at + 1, at + 1 + octets), width),
        router,
      });
      at = end;
    }
    return routes.length === 0 ? undefined : routes;
  },
  encode(routes) {
    const bytes: number[] = [];
    for (const { destination, router } of routes) {
      const address = ipv4.encode(prefixAddress(destination));
      bytes.push(destination.length, ...address.subarray(0, Math.ceil(destination.length / 8)));
      bytes.push(...ipv4.encode(router));
    }
    return Uint8Array.from(bytes);
  },
};

/** The routes with a default route among them: clients that ask for option 121 ignore option 3 (RFC 3442). */
export function withDefaultRoute(
  routes: readonly ClasslessRoute[],
  router: Ip,
): readonly ClasslessRoute[] {
  if (routes.length === 0 || routes.some(({ destination }) => destination.length === 0))
    return routes;
  return [{ destination: prefixOf(ipv4FromUint(0), 0), router }, ...routes];
}

function destinationOf(octets: Uint8Array, width: number): Prefix {
  let value = 0n;
  for (let index = 0; index < 4; index++) value = (value << 8n) | BigInt(octets[index] ?? 0);
  return prefixOf(ipFromNumber(4, value), width);
}
