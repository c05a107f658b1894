// cocoon-net fsck on a node in use: with its broker, without it, and never beside one that starts.

import { readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import * as z from "zod/mini";
import { fsckAnswer } from "#broker/api/contract.ts";
import { startNode, type TestNode } from "#test/e2e/node.ts";
import { addPod, addressOf } from "#test/e2e/runtime.ts";
import { namespaces } from "#test/netns/namespaces.ts";

const UNOWNED = "10.94.0.200";
const printed = z.extend(fsckAnswer, { offline: z.boolean() });

async function fsck(node: TestNode, ...flags: readonly string[]) {
  const { code, stdout } = await node.tryCocoonNet("fsck", "--output", "json", ...flags);
  return { code, ...printed.parse(JSON.parse(stdout)) };
}
const kinds = ({ differences }: { differences: readonly { kind: string }[] }): string[] =>
  differences.map(({ kind }) => kind);

test("a running broker's differences are told with their meaning, mended, and gone", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod");
  const ip = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
  const clean = await fsck(node);
  expect(clean).toMatchObject({ code: 0, offline: false, total: 0 });
  expect(clean.compared).toMatchObject({ leases: 1, routes: 1 });
  const mirror = join(node.paths.state, "leases.json");
  await writeFile(mirror, "[]\n");
  await writeFile(join(node.paths.state, "spool", "1.json.rejected"), "nonsense");
  await node.namespace.exec(
    `ip neigh add ${UNOWNED} lladdr 02:00:5e:00:00:01 dev cni0 nud permanent`.split(" "),
  );
  const planted = ["neighbour-unowned", "mirror-differs", "spool-rejected"];
  const found = await fsck(node);
  expect(kinds(found)).toEqual(planted);
  expect(found).toMatchObject({ code: 7, open: 3, repair: false });
  const shown = await node.tryCocoonNet("fsck");
  expect(shown.stdout).toContain(`differs  neighbour-unowned ${UNOWNED}: the kernel has`);
  expect(shown.stdout).toContain("means: a permanent neighbour stands for an address");
  expect(shown.stdout).toContain("3 differences, 3 open");
  const mended = await fsck(node, "--repair");
  expect(kinds(mended)).toEqual(planted);
  expect(mended).toMatchObject({ code: 0, open: 0, repair: true });
  expect(await fsck(node)).toMatchObject({ code: 0, total: 0 });
  expect(await readFile(mirror, "utf8")).toContain(ip);
});

test("a stopped broker's files are compared and left as they are", async () => {
  await using node = await startNode();
  await using net = await namespaces("pod");
  const ip = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
  await node.broker.stop();
  const ledger = join(node.paths.state, "ledger", "data.mdb");
  const before = await readFile(ledger);
  expect(await fsck(node)).toMatchObject({ code: 0, offline: true, total: 0 });
  await node.namespace.exec(["ip", "route", "del", `${ip}/32`]);
  await rm(join(node.paths.state, "leases.json"));
  const found = await fsck(node);
  expect(found).toMatchObject({ code: 7, offline: true, open: 2 });
  expect(kinds(found)).toEqual(["route-missing", "mirror-differs"]);
  expect(found.differences[0]).toMatchObject({ about: ip });
  const refused = await node.tryCocoonNet("fsck", "--repair");
  expect(refused.code).toBe(3);
  expect(refused.stderr).toContain("nothing was mended");
  expect(before.equals(await readFile(ledger))).toBe(true);
  await node.broker.start();
  expect(await fsck(node)).toMatchObject({ code: 0, offline: false, total: 0 });
});

test("a damaged ledger is told and left for the broker to put aside", async () => {
  await using node = await startNode();
  await node.broker.stop();
  const ledger = join(node.paths.state, "ledger", "data.mdb");
  await truncate(ledger, 5_000);
  const found = await fsck(node);
  expect(found.code).toBe(7);
  expect(kinds(found)).toContain("ledger-damaged");
  expect((await readFile(ledger)).length).toBe(5_000);
});

test("no broker starts while the files of a stopped one are compared, nor the other way round", async () => {
  await using node = await startNode();
  await node.broker.stop();
  const lock = join(node.paths.state, "broker.lock");
  // What holds the lock is what fsck and broker take alike.
  const holder = node.namespace.spawn(["flock", lock, "sh", "-c", "echo held; read _"]);
  await using _end = { [Symbol.asyncDispose]: async () => void (await holder.stop()) };
  await expect.poll(() => holder.stdout()).toContain("held");
  const refused = await node.tryCocoonNet("fsck");
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain("broker.lock");
});
