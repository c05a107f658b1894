// This release's commands and plugin with the broker of another: recorded ones, and one two minor versions on.

import { describe, expect, test } from "vitest";
import { runCommand } from "#test/cli/run-command.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { ADD_ENV, EXECUTABLES, confFor, runPlugin } from "#test/plugin/plugin-process.ts";
import { type RecordedBroker, recordedBroker } from "./recorded-broker.ts";
import { RELEASES, exchangeOf, recorded, twoMinorsOn } from "./wire.ts";

const brokers = RELEASES.flatMap((release) => [
  { name: `the broker of ${release}`, exchanges: recorded(release), setting: {} },
  {
    name: `a broker two minor versions after ${release}`,
    exchanges: recorded(release),
    setting: { change: twoMinorsOn },
  },
]);

const commands = [
  { words: ["status"], code: 0, tells: /serving, since.*\n.*node-1/ },
  { words: ["leases", "--output", "wide"], code: 0, tells: /10\.207\.64\.2.*web-1/ },
  { words: ["leases", "--output", "json"], code: 0, tells: /"sequence": 1/ },
  { words: ["why", "10.207.64.2"], code: 0, tells: /owner +container web-1 eth0/ },
  { words: ["fsck"], code: 0, tells: /1/ },
  { words: ["leases", "--forget", "10.207.64.2"], code: 0, tells: /released/ },
] as const;

describe.each(brokers)("with $name", ({ exchanges, setting }) => {
  test.each(commands)("cocoon-net $words", async ({ words, code, tells }) => {
    await using folder = await temporaryFolder();
    const socket = `${folder.path}/broker.sock`;
    await using _broker = await recordedBroker(socket, exchanges, setting);
    const done = await runCommand([...words, "--socket", socket]);
    expect({ code: done.code, err: done.err }).toEqual({ code, err: "" });
    expect(done.out).toMatch(tells);
  });

  test("an error is told in the broker's words, whatever its code", async () => {
    await using folder = await temporaryFolder();
    const socket = `${folder.path}/broker.sock`;
    await using _broker = await recordedBroker(socket, exchanges, setting);
    const done = await runCommand(["leases", "--forget", "10.207.64.200", "--socket", socket]);
    expect(done.code).not.toBe(0);
    expect(done.err).toContain("nobody holds 10.207.64.200");
  });

  describe.each(EXECUTABLES)("the %s plugin", (_, executable) => {
    test("carries a container through its life", async () => {
      await using folder = await temporaryFolder();
      await using broker = await recordedBroker(`${folder.path}/broker.sock`, exchanges, setting);
      const stdin = JSON.stringify(confFor(folder.path));
      const outputs: (readonly [string, number | null, string])[] = [];
      for (const verb of ["ADD", "CHECK", "STATUS", "GC", "DEL"]) {
        const env = { ...ADD_ENV, CNI_COMMAND: verb };
        const { code, stdout } = await runPlugin(executable, { env, stdin });
        outputs.push([verb, code, stdout]);
      }
      const { stdout: result } = exchangeOf(exchanges, "add").answer.body as { stdout: string };
      expect(outputs).toEqual([
        ["ADD", 0, result],
        ...["CHECK", "STATUS", "GC", "DEL"].map((verb) => [verb, 0, ""]),
      ]);
      await confirmed(broker);
    });
  });
});

test("a request that an older broker has no path for says what to do", async () => {
  await using folder = await temporaryFolder();
  const socket = `${folder.path}/broker.sock`;
  const exchanges = recorded("0.1.0");
  await using _broker = await recordedBroker(socket, exchanges, { without: ["POST /v1/fsck"] });
  const done = await runCommand(["fsck", "--socket", socket]);
  expect(done.code).not.toBe(0);
  expect(done.err).toMatch(/does not know fsck yet\nnext: restart it with this version/);
});

/** The plugin sends its confirmation and does not wait for the answer. */
async function confirmed({ asked }: RecordedBroker): Promise<void> {
  await expect.poll(() => asked).toContain("POST /v1/cni/confirm");
}
