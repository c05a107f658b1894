// A disk that stops answering and comes back: the broker ends after half a minute, and the next one serves what was acknowledged.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { GATEWAY, makeFaultNode, poolFile } from "#test/faults/fault-node.ts";
import { waitFor } from "#test/netns/wait-for.ts";

/** Longer than the broker gives a commit and its own end; until then the kernel keeps the thread that waits for the disk. */
const DEAD = "60s";
const END_LIMIT_MS = 180_000;

it("ends by itself and goes on when it is started again", async () => {
  const pool = { ...poolFile("10.212.7.0/24"), gateway: GATEWAY.replace("10.144", "10.212") };
  await using node = await makeFaultNode({ pool });
  await node.add("early");
  const strace = await deadDisk(node.broker.pid());
  try {
    const unanswered = node.call({ verb: "ADD", id: "late" });
    await waitFor(async () => node.broker.ended() !== undefined, {
      limit: END_LIMIT_MS,
      what: "the broker to end",
    });
    expect(node.broker.ended()?.stderr).toMatch(/the broker ends: .*did not answer within 30 s/);
    expect((await unanswered).code).not.toBe(0);
  } finally {
    strace.kill("SIGKILL");
  }
  await node.broker.start();
  expect((await node.check("early")).code).toBe(0);
  await node.add("late");
  await node.agree();
});

/** From now on every sync of the process takes that long; resolves when it is so. */
async function deadDisk(pid: number): Promise<ChildProcess> {
  const inject = ["-e", "trace=fdatasync", "-e", `inject=fdatasync:delay_enter=${DEAD}`];
  const strace = spawn("strace", ["-f", "-o", "/dev/null", ...inject, "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  // `strace: Process … attached`.
  await once(strace.stderr, "data");
  return strace;
}
