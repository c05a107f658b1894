// What the plugin hands to a broker that serves, and what it does with the answer.
import { readFileSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { honestBroker, served } from "./fake-broker.ts";
import { ADD_ENV, confFor, EXECUTABLES, runPlugin, temporaryFolder } from "./plugin-process.ts";

const RESULT =
  '{"cniVersion":"1.0.0","ips":[{"address":"10.0.0.5/24","gateway":"10.0.0.1"}],"dns":{}}\n';
const HOSTILE = {
  PATH: "",
  NODE_OPTIONS: "--require /nonexistent",
  NODE_CHANNEL_FD: "77",
  LD_LIBRARY_PATH: "/nonexistent",
  LANG: "xx_YY",
};

describe.each(EXECUTABLES)("%s", (_, executable) => {
  test.each(["ADD", "DEL", "CHECK", "GC", "STATUS"])(
    "%s reaches the broker with all that it needs",
    async (command) => {
      using folder = temporaryFolder();
      await using broker = await honestBroker(`${folder.path}/broker.sock`, () =>
        served({ exitCode: 0, stdout: "" }),
      );
      const stdin = JSON.stringify({ ...confFor(folder.path), note: 'ünïcode "quoted" 🦋' });
      const env = {
        ...ADD_ENV,
        CNI_COMMAND: command,
        CNI_ARGS: "IgnoreUnknown=1;IP=10.0.0.9",
        OTHER: "not forwarded",
      };
      const finished = await runPlugin(executable, { env, stdin });
      expect(finished).toEqual({ code: 0, stdout: "", stderr: "" });
      const netns = statSync("/proc/self/ns/net", { bigint: true });
      const identity = { dev: netns.dev.toString(), ino: netns.ino.toString() };
      const { OTHER: _other, ...forwarded } = env;
      expect(broker.received).toEqual([
        {
          path: "/v1/cni",
          contentType: "application/json",
          connection: 0,
          body: {
            version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
            env: forwarded,
            stdin,
            stamp: {
              bootId: readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim(),
              boottime: expect.stringMatching(/^\d+$/),
            },
            netns: identity,
            ownNetns: identity,
          },
        },
      ]);
    },
  );

  test("stamps of calls made one after the other increase", async () => {
    using folder = temporaryFolder();
    const stamps: bigint[] = [];
    await using broker = await honestBroker(`${folder.path}/broker.sock`, () =>
      served({ exitCode: 0, stdout: "" }),
    );
    for (let turn = 0; turn < 3; turn += 1)
      await runPlugin(executable, { env: ADD_ENV, stdin: JSON.stringify(confFor(folder.path)) });
    for (const { body } of broker.received)
      stamps.push(BigInt((body as { stamp: { boottime: string } }).stamp.boottime));
    expect(stamps).toEqual(stamps.toSorted((left, right) => (left < right ? -1 : 1)));
    expect(new Set(stamps).size).toBe(3);
  });

  test.each([
    ["a result", { exitCode: 0, stdout: RESULT, stderr: "a word to people\n" }],
    [
      "a CNI error",
      { exitCode: 1, stdout: '{"code":11,"msg":"no IP addresses available in range set"}\n' },
    ],
    ["text beyond ASCII", { exitCode: 0, stdout: '"é 🦋"\n' }],
    ["a result longer than a pipe holds", { exitCode: 0, stdout: "x".repeat(300_000) }],
  ])("prints %s as it came", async (_name, answer) => {
    using folder = temporaryFolder();
    await using broker = await honestBroker(`${folder.path}/broker.sock`, () => served(answer));
    const finished = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(finished).toEqual({
      code: answer.exitCode,
      stdout: answer.stdout,
      stderr: "stderr" in answer ? answer.stderr : "",
    });
    expect(broker.received).toHaveLength(1);
  });

  test("takes a chunked answer", async () => {
    using folder = temporaryFolder();
    await using _broker = await honestBroker(`${folder.path}/broker.sock`, () => ({
      ...served({ exitCode: 0, stdout: RESULT }),
      chunked: true,
    }));
    const finished = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(finished).toEqual({ code: 0, stdout: RESULT, stderr: "" });
  });

  test("confirms on the same connection after printing", async () => {
    using folder = temporaryFolder();
    await using broker = await honestBroker(`${folder.path}/broker.sock`, () =>
      served({ exitCode: 0, stdout: RESULT, confirm: "token-1" }),
    );
    const finished = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(finished).toEqual({ code: 0, stdout: RESULT, stderr: "" });
    await broker.idle();
    expect(broker.received.map(({ path, connection }) => [path, connection])).toEqual([
      ["/v1/cni", 0],
      ["/v1/cni/confirm", 0],
    ]);
    expect(broker.received[1]?.body).toEqual({ confirm: "token-1" });
  });

  test("does not confirm a result that nobody could read", async () => {
    using folder = temporaryFolder();
    await using broker = await honestBroker(`${folder.path}/broker.sock`, () =>
      served({ exitCode: 0, stdout: RESULT, confirm: "token-1" }),
    );
    const finished = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
      deaf: true,
    });
    expect(finished.code).toBe(1);
    expect(finished.stderr).toContain("could not be written to standard output");
    await broker.idle();
    expect(broker.received.map(({ path }) => path)).toEqual(["/v1/cni"]);
  });

  test("works in a hostile environment", async () => {
    using folder = temporaryFolder();
    await using _broker = await honestBroker(`${folder.path}/broker.sock`, () =>
      served({ exitCode: 0, stdout: RESULT }),
    );
    const finished = await runPlugin(executable, {
      env: { ...ADD_ENV, ...HOSTILE },
      stdin: JSON.stringify(confFor(folder.path)),
      cwd: "/",
    });
    expect(finished).toEqual({ code: 0, stdout: RESULT, stderr: "" });
  });

  test("replaces invalid UTF-8, each sequence by U+FFFD and nothing else", async () => {
    using folder = temporaryFolder();
    await using broker = await honestBroker(`${folder.path}/broker.sock`, () =>
      served({ exitCode: 0, stdout: "" }),
    );
    const text = JSON.stringify({ ...confFor(folder.path), note: "@" });
    const [before = "", after = ""] = text.split("@");
    const bytes = [
      0xff, 0xe2, 0x82, 0xed, 0xa0, 0x80, 0xf0, 0x9f, 0xc0, 0xaf, 0x80, 0xf4, 0x90, 0xc3, 0xa9,
    ];
    const stdin = Buffer.concat([Buffer.from(before), Buffer.from(bytes), Buffer.from(after)]);
    await runPlugin(executable, { env: ADD_ENV, stdin });
    expect(broker.received[0]?.body).toMatchObject({ stdin: stdin.toString("utf8") });
  });

  test.each([
    ["empty", ""],
    ["absent", "/run/netns/absent"],
  ])("gives no identity of a namespace whose path is %s", async (_name, netns) => {
    using folder = temporaryFolder();
    await using broker = await honestBroker(`${folder.path}/broker.sock`, () =>
      served({ exitCode: 0, stdout: "" }),
    );
    await runPlugin(executable, {
      env: { ...ADD_ENV, CNI_NETNS: netns },
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(broker.received[0]?.body).toMatchObject({ env: { CNI_NETNS: netns } });
    expect(broker.received[0]?.body).not.toHaveProperty("netns");
  });
});
