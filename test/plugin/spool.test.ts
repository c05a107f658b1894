// A DEL that no broker takes: it is on the disk before the runtime hears of success, or the runtime is told to repeat it.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { honestBroker, rawBroker, served } from "./fake-broker.ts";
import { confFor, DEL_ENV, EXECUTABLES, runPlugin, temporaryFolder } from "./plugin-process.ts";

const SUCCESS = { code: 0, stdout: "", stderr: "" };
const GONE_WORDS = /not found|no such file/i;

/** Name and parsed content of each file in a spool folder. */
function spooled(folder: string): [string, unknown][] {
  return readdirSync(folder).map((name) => [
    name,
    JSON.parse(readFileSync(`${folder}/${name}`, "utf8")),
  ]);
}

describe.each(EXECUTABLES)("%s", (_, executable) => {
  test("keeps the whole request under a name that sorts by its stamp", async () => {
    using folder = temporaryFolder();
    const stdin = JSON.stringify(confFor(folder.path));
    expect(await runPlugin(executable, { env: DEL_ENV, stdin })).toEqual(SUCCESS);
    const files = spooled(`${folder.path}/spool`);
    expect(files).toHaveLength(1);
    const [name, body] = files[0] ?? ["", undefined];
    expect(body).toMatchObject({ env: DEL_ENV, stdin, stamp: { bootId: expect.any(String) } });
    const { boottime } = (body as { stamp: { boottime: string } }).stamp;
    expect(name).toMatch(new RegExp(`^${boottime.padStart(20, "0")}-\\d+-[0-9a-f]{16}\\.json$`));
    expect(statSync(`${folder.path}/spool/${name}`).mode & 0o777).toBe(0o600);
    expect(statSync(`${folder.path}/spool`).mode & 0o777).toBe(0o700);
  });

  test("the same from a broken configuration, which has the default paths, and one that is too long", async () => {
    const script = `mount -t tmpfs none /run && mount -t tmpfs none /var/lib && mkdir -p /var/lib/cocoon/net && '${executable}' && cat /var/lib/cocoon/net/spool/*.json`;
    const under = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", script];
    for (const stdin of [
      "{broken",
      "x".repeat(1024 * 1024 + 1),
      '{"ipam":{"socket":7,"spool":"relative"}}',
    ]) {
      const finished = await runPlugin("/bin/sh", {
        env: { ...DEL_ENV, PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
        stdin,
        under,
      });
      expect(finished).toMatchObject({ code: 0, stderr: "" });
      expect(JSON.parse(finished.stdout)).toMatchObject({
        env: DEL_ENV,
        stdin: stdin.length > 1024 * 1024 ? "" : stdin,
      });
    }
  });

  test.each([
    ["closes at once", ""],
    ["closes amid its answer", "HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{"],
    ["cannot serve", 'HTTP/1.1 503 Busy\r\nContent-Length: 19\r\n\r\n{"message":"early"}'],
  ])("keeps what a broker that %s did not take", async (_name, bytes) => {
    using folder = temporaryFolder();
    await using _broker = await rawBroker(`${folder.path}/broker.sock`, bytes);
    expect(
      await runPlugin(executable, { env: DEL_ENV, stdin: JSON.stringify(confFor(folder.path)) }),
    ).toEqual(SUCCESS);
    expect(spooled(`${folder.path}/spool`)).toHaveLength(1);
  });

  test("tries the socket once more when the file stands, with the same stamp", async () => {
    using folder = temporaryFolder();
    const seen: number[] = [];
    await using broker = await honestBroker(`${folder.path}/broker.sock`, () => {
      seen.push(seen.length === 0 ? 0 : spooled(`${folder.path}/spool`).length);
      return seen.length === 1 ? { status: 503, body: "{}" } : served({ exitCode: 0, stdout: "" });
    });
    expect(
      await runPlugin(executable, { env: DEL_ENV, stdin: JSON.stringify(confFor(folder.path)) }),
    ).toEqual(SUCCESS);
    expect(seen).toEqual([0, 1]);
    expect(broker.received[1]?.body).toEqual(broker.received[0]?.body);
  });

  test("a broker that serves leaves nothing in the folder", async () => {
    using folder = temporaryFolder();
    mkdirSync(`${folder.path}/spool`);
    await using _broker = await honestBroker(`${folder.path}/broker.sock`, () =>
      served({ exitCode: 0, stdout: "" }),
    );
    expect(
      await runPlugin(executable, { env: DEL_ENV, stdin: JSON.stringify(confFor(folder.path)) }),
    ).toEqual(SUCCESS);
    expect(spooled(`${folder.path}/spool`)).toEqual([]);
  });

  test.each([
    ["CNI_CONTAINERID", ["CNI_CONTAINERID"]],
    ["CNI_IFNAME", ["CNI_IFNAME"]],
    ["CNI_CONTAINERID,CNI_IFNAME", ["CNI_CONTAINERID", "CNI_IFNAME"]],
  ])("without %s it is code 4", async (names, dropped) => {
    using folder = temporaryFolder();
    const env = Object.fromEntries(
      Object.entries(DEL_ENV).filter(([name]) => !dropped.includes(name)),
    );
    const finished = await runPlugin(executable, {
      env,
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(finished.code).toBe(1);
    expect(JSON.parse(finished.stdout)).toMatchObject({
      code: 4,
      msg: `required env variables [${names}] missing`,
    });
  });

  test.each([
    [
      "missing, and its parent too",
      "it does not exist",
      (spool: string) => rmSync(spool.slice(0, spool.lastIndexOf("/")), { recursive: true }),
    ],
    ["a file", "not a folder", (spool: string) => execFileSync("touch", [spool])],
    ["read-only", "read-only", (spool: string) => mount(spool, "size=64k,ro")],
    ["full", "no space left", (spool: string) => fill(spool)],
  ])(
    "a spool folder that is %s is code 11, in words that make runtimes repeat the call",
    async (_name, words, spoil) => {
      using folder = temporaryFolder();
      const parent = `${folder.path}/not found`;
      const spool = `${parent}/spool`;
      mkdirSync(parent);
      spoil(spool);
      try {
        const conf = {
          cniVersion: "0.4.0",
          ipam: { socket: `${folder.path}/No Such File`, spool },
        };
        const finished = await runPlugin(executable, { env: DEL_ENV, stdin: JSON.stringify(conf) });
        expect(finished.code).toBe(1);
        expect(JSON.parse(finished.stdout)).toMatchObject({
          cniVersion: "0.4.0",
          code: 11,
          details: expect.stringContaining(words),
        });
        expect(finished.stdout).toContain("Hint: ");
        expect(finished.stdout).not.toMatch(GONE_WORDS);
        if (words === "no space left") expect(readdirSync(spool)).toEqual(["filling"]);
      } finally {
        execFileSync("sh", ["-c", 'if mountpoint -q "$0"; then umount "$0"; fi', spool]);
      }
    },
  );

  test("file and folder are synced before the success", async () => {
    using folder = temporaryFolder();
    mkdirSync(`${folder.path}/spool`);
    const log = `${folder.path}/strace`;
    const under = [
      "/usr/bin/strace",
      "-f",
      "-y",
      "-e",
      "trace=openat,open,write,fsync,rename,exit_group",
      "-o",
      log,
    ];
    const finished = await runPlugin(executable, {
      env: DEL_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
      under,
    });
    expect(finished).toEqual(SUCCESS);
    const lines = readFileSync(log, "utf8").split("\n");
    const steps = [
      /write\(\d+<.*\/spool\/.*\.json\.tmp>/,
      /fsync\(\d+<.*\/spool\/.*\.json\.tmp>\)\s+= 0/,
      /rename\(".*\.json\.tmp", ".*\.json"\)\s+= 0/,
      /fsync\(\d+<.*\/spool>\)\s+= 0/,
      // Left open where the end of another of Node's threads is told first.
      /exit_group\(0(?:\)| <unfinished)/,
    ].map((step) => lines.findIndex((line) => step.test(line)));
    expect(steps).not.toContain(-1);
    expect(steps).toEqual(steps.toSorted((left, right) => left - right));
  });
});

function mount(folder: string, options: string): void {
  mkdirSync(folder);
  chmodSync(folder, 0o755);
  execFileSync("mount", ["-t", "tmpfs", "-o", options, "cocoon-plugin-test", folder]);
}

/** A file system of one page, taken by another file. */
function fill(folder: string): void {
  mount(folder, "size=4k");
  execFileSync("sh", ["-c", 'head -c 4096 /dev/zero > "$0/filling"', folder]);
}
