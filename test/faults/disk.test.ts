// A disk that is full or read-only: changes are refused, what is held stays served, and nothing is half done.

import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Mac } from "#core/address.ts";
import { leasesOf } from "#test/crash/oracle.ts";
import { type BrokerPaths, COCOON_NET } from "#test/netns/broker.ts";
import { attempt, run } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { makeFaultNode, refusalOf } from "./fault-node.ts";

const MAC = "02:68:00:00:00:01" as Mac;
/** Small enough to fill at once, large enough for a ledger of some leases. */
const DISK_SIZE = "4m";
const FILL_LIMIT = 400;

/** The state folder on a disk of its own. */
async function ownDisk({ state }: BrokerPaths, undo: AsyncDisposableStack): Promise<void> {
  await run(["mount", "-t", "tmpfs", "-o", `size=${DISK_SIZE}`, "cocoon-fault", state]);
  undo.defer(async () => void (await run(["umount", "-l", state])));
}

it("refuses ADDs with code 11 while the disk is full, serves what is held, and goes on when there is room", async () => {
  await using node = await makeFaultNode({ before: ownDisk });
  await node.add("early");
  await node.lease(MAC);
  const filler = join(node.broker.paths.state, "filler");
  await attempt(["dd", "if=/dev/zero", `of=${filler}`, "bs=64k"]);
  await attempt(["dd", "if=/dev/zero", `of=${filler}2`, "bs=512"]);

  const refused = await firstRefusal(node);
  expect(refused).toMatchObject({ code: 11 });
  expect(`${refused.msg} ${refused.details}`).toMatch(/ledger|disk|space/i);
  expect((await node.check("early")).code).toBe(0);
  await node.agree();
  const before = (await leasesOf(node.broker)).filter(({ state }) => state === "leased").length;
  expect(refusalOf(await node.call({ verb: "ADD", id: "again" })).code).toBe(11);
  expect((await leasesOf(node.broker)).filter(({ state }) => state === "leased")).toHaveLength(
    before,
  );

  await rm(filler);
  await rm(`${filler}2`);
  await node.add("late");
  await node.del("early");
  await node.agree();
  await node.broker.kill();
  await node.broker.start();
  await node.reclaim(MAC);
  await node.agree();
});

it("keeps a DEL that comes while the disk is full for the runtime to repeat", async () => {
  await using node = await makeFaultNode({ before: ownDisk });
  const ip = await node.add("kept");
  const filler = join(node.broker.paths.state, "filler");
  await attempt(["dd", "if=/dev/zero", `of=${filler}`, "bs=64k"]);
  await attempt(["dd", "if=/dev/zero", `of=${filler}2`, "bs=512"]);
  await firstRefusal(node);
  const done = await node.call({ verb: "DEL", id: "kept" });
  // Neither ledger nor spool could take it: it must not be called done. Or one of both could: then it is.
  const leased = (await leasesOf(node.broker)).some(
    (one) => one.ip === ip && one.state === "leased",
  );
  expect(done.code === 0).toBe(!leased);
  await rm(filler);
  await rm(`${filler}2`);
  await node.del("kept");
  await node.agree();
});

it("does not start on a read-only state folder, and says why", async () => {
  await using node = await makeFaultNode();
  await node.add("before");
  await node.broker.stop();
  const { state } = node.broker.paths;
  await run(["mount", "--bind", state, state]);
  try {
    await run(["mount", "-o", "remount,ro,bind", state]);
    await expect(node.broker.start()).rejects.toThrow(/ended with [1-9]/);
    expect(node.broker.ended()?.stderr).toMatch(/read-only/i);
    expect(node.broker.ended()?.stderr).toMatch(/next:/);
    // The spool is there too: a release that nothing could keep is no success.
    expect(refusalOf(await node.call({ verb: "DEL", id: "before" })).code).toBe(11);
  } finally {
    await run(["umount", state]);
  }
  await node.broker.start();
  expect((await node.check("before")).code).toBe(0);
  await node.agree();
});

it("starts again after its pool file was spoilt and mended", async () => {
  await using node = await makeFaultNode();
  await node.add("before");
  await node.broker.stop();
  const path = join(node.broker.paths.state, "pool.json");
  await run(["cp", path, `${path}.good`]);
  await writeFile(path, "{");
  await expect(node.broker.start()).rejects.toThrow(/ended with [1-9]/);
  expect(node.broker.ended()?.stderr).toMatch(/pool\.json/);
  await run(["mv", `${path}.good`, path]);
  await node.broker.start();
  await node.agree();
});

it("serves on while nobody can take its log in", async () => {
  const command = ["sh", "-c", 'exec "$0" "$@" 2>/dev/full', COCOON_NET, "daemon"];
  await using node = await makeFaultNode({ command });
  await node.add("unheard");
  await node.lease(MAC);
  await node.del("unheard");
  const { body } = await node.broker.ask("GET", "/metrics");
  expect(String(body)).toMatch(/^cocoon_net_log_lines_lost_total [1-9]/m);
  expect(await node.broker.stop()).toBe(0);
});

/** ADDs until the ledger has used up the room it took in advance. */
async function firstRefusal(node: Awaited<ReturnType<typeof makeFaultNode>>) {
  let count = 0;
  return waitFor(
    async () => {
      count += 1;
      if (count > FILL_LIMIT) throw new Error(`${FILL_LIMIT} ADDs on a full disk all succeeded`);
      const id = `filling-${count}`;
      const done = await node.call({ verb: "ADD", id });
      if (done.code !== 0) return refusalOf(done);
      await node.add(id);
      return false;
    },
    { what: "the ledger to run out of room" },
  );
}
