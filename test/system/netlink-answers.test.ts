// One acknowledgement for many requests, against the real kernel: each refusal is told of the request that was refused.

import fc from "fast-check";
import { expect, it } from "vitest";
import { ip, ipv4FromUint, ipv4ToUint } from "#core/address.ts";
import { interfaceIndex } from "#broker/linux/libc.ts";
import { openNetlink } from "#broker/linux/netlink.ts";
import { REQUEST_WINDOW } from "#broker/linux/netlink-changes.ts";
import { NetlinkError } from "#broker/linux/netlink-error.ts";
import { addRoute } from "#broker/linux/route-codec.ts";
import { openRouteTable } from "#broker/linux/route-table.ts";
import { enterFreshNamespace, run } from "./fresh-namespace.ts";

const FIRST = ipv4ToUint(ip("10.208.0.0"));
/** No link has it. */
const NO_LINK = 0x7fff_fffe;
const MANY = 3 * REQUEST_WINDOW;

function subject() {
  enterFreshNamespace();
  run("ip link add cni0 type bridge");
  run("ip link set cni0 up");
  const netlink = openNetlink();
  const link = interfaceIndex("cni0") ?? NO_LINK;
  const add = (index: number, refused: boolean) =>
    addRoute(ipv4FromUint(FIRST + index), refused ? NO_LINK : link);
  return { netlink, add, table: openRouteTable({ netlink, bridge: "cni0" }) };
}

it.each([
  ["the first", [0]],
  ["one in the middle", [REQUEST_WINDOW / 2]],
  ["the one before the acknowledgement", [REQUEST_WINDOW - 2]],
  ["the one that asks for the acknowledgement", [REQUEST_WINDOW - 1]],
  ["the last of one datagram and the first of the next", [REQUEST_WINDOW - 1, REQUEST_WINDOW]],
  ["the very last", [MANY - 1]],
  ["every one", Array.from({ length: MANY }, (_, index) => index)],
])("tells which requests were refused: %s", async (_name, refused) => {
  const { netlink, add } = subject();
  await using _closing = netlink;
  const answers = await netlink.request(
    Array.from({ length: MANY }, (_, index) => add(index, refused.includes(index))),
  );
  const told = answers.flatMap((error, index) => (error instanceof NetlinkError ? [index] : []));
  expect(told).toEqual(refused);
  expect(answers.filter((error) => error !== undefined)).toHaveLength(refused.length);
});

it("answers several calls at once as the kernel did, whatever it refuses", async () => {
  const calls = fc.array(fc.array(fc.boolean(), { minLength: 1, maxLength: 100 }), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(calls, async (refusals) => {
      const { netlink, add, table } = subject();
      await using _closing = netlink;
      let next = 0;
      const wanted: string[] = [];
      const answers = await Promise.all(
        refusals.map((call) =>
          netlink.request(
            call.map((refused) => {
              if (!refused) wanted.push(ipv4FromUint(FIRST + next));
              return add(next++, refused);
            }),
          ),
        ),
      );
      expect(answers.map((call) => call.map((error) => error !== undefined))).toEqual(refusals);
      const standing = (await table.list()).map((route) => route.ip);
      expect(standing.toSorted()).toEqual(wanted.toSorted());
    }),
    { numRuns: 25 },
  );
});
