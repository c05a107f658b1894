// Bodies of IPv4 route and neighbour requests by copying and patching: the slow encoder's bytes, made once.

import {
  type Ip,
  type Mac,
  ipv4FromUint,
  ipv4ToUint,
  macFromBytes,
  macToBytes,
} from "#core/address.ts";
import { neighbourBody, routeBody } from "./route-codec.ts";

/** Values whose bytes stand nowhere else in a body, so that their places can be found. */
const PROBE_ADDRESS = 0xa1b2c3d4;
const PROBE_MAC = Uint8Array.of(0xe2, 0xf1, 0xe3, 0xf2, 0xe4, 0xf3);

/** Bodies for one link; IPv4 alone. */
export class RouteTemplates {
  readonly link: number;
  readonly #route: Template;
  readonly #neighbour: Template;
  readonly #withMac: Template;

  constructor(link: number) {
    const ip = ipv4FromUint(PROBE_ADDRESS);
    this.link = link;
    this.#route = new Template(routeBody(ip, link));
    this.#neighbour = new Template(neighbourBody(ip, link));
    this.#withMac = new Template(neighbourBody(ip, link, macFromBytes(PROBE_MAC)));
  }

  route(ip: Ip): Buffer {
    return this.#route.filled(ip);
  }

  neighbour(ip: Ip, mac?: Mac): Buffer {
    return mac === undefined ? this.#neighbour.filled(ip) : this.#withMac.filled(ip, mac);
  }
}

class Template {
  readonly #bytes: Buffer;
  readonly #address: number;
  /** -1 where there is none. */
  readonly #mac: number;

  constructor(bytes: Buffer) {
    const address = Buffer.alloc(4);
    address.writeUInt32BE(PROBE_ADDRESS);
    this.#bytes = bytes;
    this.#address = bytes.indexOf(address);
    this.#mac = bytes.indexOf(PROBE_MAC);
  }

  filled(ip: Ip, mac?: Mac): Buffer {
    const body = Buffer.from(this.#bytes);
    body.writeUInt32BE(ipv4ToUint(ip), this.#address);
    if (mac !== undefined) body.set(macToBytes(mac), this.#mac);
    return body;
  }
}
