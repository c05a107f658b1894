// Somebody sets the machine's clock: no lease ends early, none is lost, and no address is given twice.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Mac } from "#core/address.ts";
import { buildDaemon } from "#test/crash/build-daemon.ts";
import { CONTROL_VARIABLE, writeControl } from "#test/crash/control.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { makeFaultNode } from "./fault-node.ts";

const MAC = "02:68:00:00:00:03" as Mac;
const DAY = 86_400_000;
/** Thirteen addresses: enough ADDs meet the cooling ones. */
const SMALL_POOL = "10.144.7.0/28";
const ROOM = 13;

it.each([
  ["a day back", -DAY],
  // Longer than a guest's whole lease.
  ["two days forth", 2 * DAY],
])("%s: while the broker runs, and over its restart", async (_name, step) => {
  await using folder = await temporaryFolder();
  const control = join(folder.path, "control");
  await mkdir(control);
  writeControl(control, { ahead: 0 });
  await using node = await makeFaultNode({
    subnet: SMALL_POOL,
    command: [process.execPath, await buildDaemon()],
    env: { [CONTROL_VARIABLE]: control, COCOON_NET_SKIP_IPTABLES: "true" },
  });
  await node.add("one");
  const given = await node.add("released");
  await node.lease(MAC);
  await node.del("released");
  const before = await leasesOf(node.broker);

  writeControl(control, { ahead: 0, step });
  await node.add("two");
  await node.agree();
  const during = await leasesOf(node.broker);
  for (const lease of before) expect(during).toContainEqual(lease);
  // Cooling is still cooling: nobody gets the address while others are free.
  expect(during.find(({ ip }) => ip === given)?.state).toBe("cooling");

  await node.broker.kill();
  await node.broker.start();
  await node.agree();
  await node.reclaim(MAC);
  for (let index = 0; index < ROOM - 4; index += 1) await node.add(`more-${index}`);
  await node.agree();
  expect((await node.check("one")).code).toBe(0);
});
