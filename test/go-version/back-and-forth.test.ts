// A node goes from the Go version to ours, back, and to ours again: nobody's address changes, and none is doubled.

import { expect, it } from "vitest";
import { z } from "zod";
import type { Mac } from "#core/address.ts";
import { guest } from "#test/crash/book.ts";
import { addressOf } from "#test/crash/plugin.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { type FaultNode, makeFaultNode, refusalOf } from "#test/faults/fault-node.ts";
import { type GoLease, goPool, goTime, readGoLeases, writeGoLeases } from "./go-files.ts";

const macOf = (number: number): Mac => `02:69:00:00:00:0${number}` as Mac;
const [stays, leaves, moves, comes, takes] = [1, 2, 3, 4, 5].map(macOf) as [
  Mac,
  Mac,
  Mac,
  Mac,
  Mac,
];
const POOL = 13;
const FAR = 2_099;

const warnings = z.object({ warnings: z.array(z.string()) });

it("keeps every address over the whole way", async () => {
  const fromGo: GoLease[] = [
    { mac: stays, ip: "10.144.7.2", expiry: goTime(20) },
    { mac: leaves, ip: "10.144.7.3", expiry: goTime(21, 0) },
    { mac: moves, ip: "10.144.7.9", expiry: goTime(22) },
    // Ended while nobody looked: free again.
    { mac: macOf(9), ip: "10.144.7.4", expiry: goTime(-1) },
  ];
  await using node = await makeFaultNode({
    pool: goPool,
    before: ({ state }) => writeGoLeases(state, fromGo),
  });
  for (const { mac, ip } of fromGo.slice(0, 3)) node.book.held(guest(mac), ip);
  await node.agree();
  for (const mac of [stays, leaves, moves]) await node.reclaim(mac);
  const pod = await node.add("pod");
  await node.agree();

  expect(await node.broker.stop()).toBe(0);
  const left = await readGoLeases(node.broker.paths.state);
  expect(left.map(({ ip }) => ip).toSorted()).toEqual(
    [...fromGo.slice(0, 3).map(({ ip }) => ip), pod].toSorted(),
  );
  // A Go daemon gives an address away when its lease has ended: a container's never does.
  expect(new Date(left.find(({ ip }) => ip === pod)?.expiry ?? 0).getFullYear()).toBeGreaterThan(
    FAR,
  );

  // The Go version runs: one guest leaves, one comes, and one address goes to another guest.
  await writeGoLeases(node.broker.paths.state, [
    ...left.filter(({ mac }) => mac !== leaves && mac !== moves),
    { mac: comes, ip: "10.144.7.12", expiry: goTime(23) },
    { mac: takes, ip: "10.144.7.9", expiry: goTime(23) },
  ]);
  node.book.gone(guest(leaves));
  node.book.gone(guest(moves));
  node.book.held(guest(comes), "10.144.7.12");
  await node.broker.start();
  await node.agree();
  await conflictIsTold(node, "10.144.7.9");
  for (const mac of [stays, comes]) await node.reclaim(mac);
  expect((await node.check("pod")).code).toBe(0);
  await nothingDoubled(node);
});

it("never takes a container's address for a row of the Go version", async () => {
  await using node = await makeFaultNode({ pool: goPool });
  const pod = await node.add("pod");
  await node.broker.stop();
  await writeGoLeases(node.broker.paths.state, [{ mac: takes, ip: pod, expiry: goTime(23) }]);
  await node.broker.start();
  await node.agree();
  expect((await node.check("pod")).code).toBe(0);
  const { body } = await node.broker.ask("GET", "/v1/status");
  expect(warnings.parse(body).warnings.join("\n")).toContain(pod);
});

it("takes its own mirror for its own, however it was stopped", async () => {
  await using node = await makeFaultNode({ pool: goPool });
  await node.add("pod");
  await node.lease(stays);
  await node.broker.kill();
  await node.broker.start();
  await node.broker.stop();
  await node.broker.start();
  await node.agree();
  expect(node.broker.logs()).not.toContain("was changed while no broker ran");
});

/** Quarantined, and said in the log and in status. */
async function conflictIsTold(node: FaultNode, ip: string): Promise<void> {
  const lease = (await leasesOf(node.broker)).find((one) => one.ip === ip);
  expect(lease?.state).toBe("quarantined");
  const { body } = await node.broker.ask("GET", "/v1/status");
  expect(warnings.parse(body).warnings.join("\n")).toMatch(new RegExp(`${ip}.*quarantined`));
  expect(node.broker.logs()).toMatch(new RegExp(`${ip} is listed for ${takes}.*quarantined`));
}

/** Takes all that is left: nothing comes twice, and the quarantined address not at all. */
async function nothingDoubled(node: FaultNode): Promise<void> {
  const held = (await leasesOf(node.broker))
    .filter(({ state }) => state === "leased" || state === "quarantined")
    .map(({ ip }) => ip);
  const given: string[] = [];
  for (;;) {
    const done = await node.call({ verb: "ADD", id: `rest-${given.length}` });
    if (done.code !== 0) {
      expect(refusalOf(done).code).toBe(11);
      break;
    }
    given.push(addressOf(done));
  }
  expect(given).toHaveLength(POOL - held.length);
  expect(new Set([...given, ...held]).size).toBe(POOL);
}
