// A ledger that is damaged or gone while containers and guests live: what is in use is found before anything is given.

import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { z } from "zod";
import type { Mac } from "#core/address.ts";
import { container } from "#test/crash/book.ts";
import { NETWORK, addressOf } from "#test/crash/plugin.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type FaultNode, makeFaultNode, refusalOf } from "./fault-node.ts";

const MAC = "02:68:00:00:00:04" as Mac;
const PAGE = 4_096;
/** Thirteen addresses without network, broadcast and gateway. */
const SMALL_POOL = "10.144.7.0/28";
const ROOM = 13;

const status = z.object({
  ledger: z.object({ condition: z.string() }),
  warnings: z.array(z.string()),
});

const losses: readonly [string, (ledger: string) => Promise<void>][] = [
  ["missing", (ledger) => rm(ledger, { recursive: true })],
  ["damaged", damage],
];

it.each(losses)("%s: addresses in use are given to nobody else", async (name, lose) => {
  await using node = await makeFaultNode({ subnet: SMALL_POOL });
  const inUse = [await node.add("one"), await node.add("two"), await node.lease(MAC)];
  await waitFor(() => mirrored(node, inUse.length), { what: "leases.json" });
  await node.broker.kill();
  await lose(join(node.broker.paths.state, "ledger"));

  const answers = await addsWhileItStarts(node);
  expect(answers.refusals.every((code) => code === 11)).toBe(true);
  expect(inUse).not.toContain(answers.ip);
  expect(node.broker.logs()).toContain(`the ledger is ${name}`);
  const { body } = await node.broker.ask("GET", "/v1/status");
  const told = status.parse(body);
  expect(told.warnings.join("\n")).toMatch(/in use without a record.*10\.144\.7\./);
  expect(await node.reclaim(MAC)).toBe(inUse[2]);

  const given = [answers.ip];
  for (;;) {
    const done = await node.call({ verb: "ADD", id: `new-${given.length}` });
    if (done.code !== 0) {
      expect(refusalOf(done).code).toBe(11);
      break;
    }
    given.push(addressOf(done));
  }
  expect(new Set([...given, ...inUse]).size).toBe(ROOM);
  expect(given).toHaveLength(ROOM - inUse.length);
});

it("is sound again at the start after, with what was found kept", async () => {
  await using node = await makeFaultNode({ subnet: SMALL_POOL });
  const ip = await node.add("one");
  await node.broker.kill();
  await damage(join(node.broker.paths.state, "ledger"));
  await node.broker.start();
  await node.broker.kill();
  await node.broker.start();
  const { body } = await node.broker.ask("GET", "/v1/status");
  expect(status.parse(body).ledger.condition).toBe("sound");
  const leases = await leasesOf(node.broker);
  expect(leases.find((lease) => lease.ip === ip)?.state).toBe("leased");
  // The damaged file is kept for a look.
  const names = await readdir(node.broker.paths.state);
  expect(names.filter((entry) => entry.startsWith("ledger.damaged-"))).toHaveLength(1);
});

/** Calls come all the time, from before the broker serves. */
async function addsWhileItStarts(node: FaultNode): Promise<{ ip: string; refusals: number[] }> {
  const started = node.broker.start();
  const refusals: number[] = [];
  const ip = await waitFor(
    async () => {
      const done = await node.call({ verb: "ADD", id: "impatient" });
      if (done.code === 0) return addressOf(done);
      refusals.push(refusalOf(done).code);
      return false;
    },
    { what: "an address" },
  );
  await started;
  expect(refusals.length, "it was asked before it served").toBeGreaterThan(0);
  node.book.held(container("impatient", NETWORK), ip);
  return { ip, refusals };
}

async function mirrored(node: FaultNode, rows: number): Promise<boolean> {
  const path = join(node.broker.paths.state, "leases.json");
  await using file = await open(path, "r").catch(() => undefined);
  if (file === undefined) return false;
  return (JSON.parse(await file.readFile("utf8")) as unknown[]).length === rows;
}

/** Every page but the two that name the others is overwritten. */
async function damage(ledger: string): Promise<void> {
  const name = (await readdir(ledger)).find((entry) => /(^data\.mdb|\.mdb)$/.test(entry));
  if (name === undefined) throw new Error(`no data file in ${ledger}`);
  await using file = await open(join(ledger, name), "r+");
  const { size } = await file.stat();
  const noise = Buffer.alloc(size - 2 * PAGE, 0xa5);
  await file.write(noise, 0, noise.length, 2 * PAGE);
  await file.sync();
}
