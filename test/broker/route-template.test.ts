// Route and neighbour requests by template: byte for byte what the encoder writes.

import fc from "fast-check";
import { expect, test } from "vitest";
import { ipv4FromUint, macFromBytes } from "#core/address.ts";
import { neighbourBody, routeBody } from "#broker/linux/route-codec.ts";
import { RouteTemplates } from "#broker/linux/route-template.ts";

const address = fc.integer({ min: 0, max: 0xffff_ffff }).map(ipv4FromUint);
const mac = fc.uint8Array({ minLength: 6, maxLength: 6 }).map(macFromBytes);
const link = fc.integer({ min: 1, max: 0x7fff_ffff });

test("bodies by template are those of the encoder, whatever was made before them", () => {
  fc.assert(
    fc.property(
      link,
      fc.array(fc.tuple(address, fc.option(mac, { nil: undefined }))),
      (index, all) => {
        const templates = new RouteTemplates(index);
        const made = all.map(([ip, of]) => [templates.route(ip), templates.neighbour(ip, of)]);
        const wanted = all.map(([ip, of]) => [routeBody(ip, index), neighbourBody(ip, index, of)]);
        expect(made).toEqual(wanted);
      },
    ),
  );
});
