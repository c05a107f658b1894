// Commands against a broker with known answers: exact tables, formats, exit codes and errors.

import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { errorCodes } from "#core/errors.ts";
import { type FakeBroker, SINCE, fakeBroker, lease } from "#test/api/fake-handlers.ts";
import { exitCodeOf } from "#cli/exit-codes.ts";
import { relative } from "#cli/moment.ts";
import { buildProgram } from "#cli/program.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { runCommand } from "./run-command.ts";

let broker: FakeBroker;
beforeAll(async () => {
  broker = await fakeBroker();
  return () => broker[Symbol.asyncDispose]();
});

/** Relative times move with the calendar; the rest is exact. */
const ago = () => relative(SINCE, Date.now());

describe("with a broker", () => {
  test("status", async () => {
    const { code, out } = await runCommand(["status", "--socket", broker.socket]);
    expect(code).toBe(0);
    expect(out).toBe(`broker  serving, since ${ago()} (process 4242, version 0.1.0)
node    node-1, platform local, bridge cni0
ledger  sound, durability sync, 5 records
set-up  as it should be (1 items)

POOL  SUBNET          GATEWAY      SIZE  FREE  LEASED  OFFERED  COOLING  QUARANTINED
node  10.88.100.0/24  10.88.100.1  253   250   2       0        1        0
`);
  });

  test("leases, wide", async () => {
    const { code, out } = await runCommand(["leases", "-o", "wide"], {
      COCOON_NET_SOCKET: broker.socket,
    });
    expect(code).toBe(0);
    const until = relative(SINCE + 86_400_000, Date.now());
    expect(out.replaceAll(/ {2,}/g, "  "))
      .toBe(`IP  STATE  OWNER  SINCE  UNTIL  POOL  SEQUENCE  MAC  NAME  ROUTED
10.88.100.7  leased  container web-1 eth0 (cocoon-net)  ${ago()}  -  node  7  02:00:0a:58:64:07  shop/web-1  yes
10.88.100.8  leased  guest 52:54:00:00:00:08  ${ago()}  ${until}  node  8  52:54:00:00:00:08  desk  yes
`);
  });

  test("leases for programs", async () => {
    const json = await runCommand(["leases", "--output", "json", "--socket", broker.socket]);
    const yaml = await runCommand(["leases", "--output", "yaml", "--socket", broker.socket]);
    expect(JSON.parse(json.out)).toEqual(parse(yaml.out));
    expect(JSON.parse(json.out)[0]).toMatchObject({
      ip: lease.ip,
      since: new Date(SINCE).toISOString(),
    });
  });

  test("leases --forget, and its dry run", async () => {
    const dry = await runCommand([
      "leases",
      "--forget",
      lease.ip,
      "--dry-run",
      "--socket",
      broker.socket,
    ]);
    expect(dry.out).toContain("would be released");
    const wet = await runCommand(["leases", "--forget", lease.ip, "--socket", broker.socket]);
    expect(wet.out).toBe(`${lease.ip} released; it was held by ${lease.owner}\n`);
    const unknown = await runCommand([
      "leases",
      "--forget",
      "10.88.100.9",
      "--socket",
      broker.socket,
    ]);
    expect([unknown.code, unknown.err]).toEqual([
      4,
      "cocoon-net: nobody holds 10.88.100.9\nnext: see `cocoon-net leases`\n",
    ]);
  });

  test("why", async () => {
    const { out } = await runCommand(["why", lease.ip, "--socket", broker.socket]);
    expect(out).toBe(`address    10.88.100.7
pool       node
state      leased
owner      container web-1 eth0 (cocoon-net)
since      ${ago()} (${new Date(SINCE).toISOString()})
pod        shop/web-1
sequence   7
route      stands
neighbour  02:00:0a:58:64:07 (permanent)

${ago()}: lease.bound 10.88.100.7
`);
  });

  test("why of a free address, and of no address", async () => {
    expect((await runCommand(["why", "10.88.100.9", "--socket", broker.socket])).out).toContain(
      "state      free",
    );
    expect(await runCommand(["why", "ten", "--socket", broker.socket])).toMatchObject({
      code: 2,
      err: expect.stringContaining('"ten" is not an IP address'),
    });
  });

  test("events says that no broker runs", async () => {
    const { code, err } = await runCommand(["events", "--socket", `${broker.socket}.none`]);
    expect(code).toBe(3);
    expect(err).toContain("next: ");
  });

  test("events ends by itself once the recent ones are told", async () => {
    const { code, out } = await runCommand(["events", "--socket", broker.socket]);
    expect([code, out]).toEqual([0, `${new Date(SINCE).toISOString()} lease.bound 10.88.100.7\n`]);
  });

  test("teardown refuses while it runs", async () => {
    expect(await runCommand(["teardown", "--socket", broker.socket])).toMatchObject({
      code: 5,
      out: "",
      err: expect.stringContaining("systemctl stop cocoon-net"),
    });
  });
});

describe("without a broker", () => {
  test.each([
    ["leases", ["leases", "--socket", "/nowhere/b.sock"], 3, "the broker is not running"],
    [
      "status",
      ["status", "--socket", "/nowhere/b.sock", "--state-dir", "/nowhere"],
      3,
      "cocoon-net adopt",
    ],
    ["an unknown command", ["leasse"], 2, "Did you mean leases?"],
    ["an unknown flag", ["leases", "--outptu", "json"], 2, "--output"],
    [
      "a wrong choice",
      ["leases", "--output", "xml"],
      2,
      "Allowed choices are table, wide, json, yaml",
    ],
    ["a wrong setting", ["daemon", "--durability", "maybe"], 2, "is not one of sync, relaxed"],
    [
      "a setting whose name begins with no",
      ["daemon", "--state-dir", "/nowhere", "--no-masquerade-cidr", "10.0.0.7/8"],
      2,
      "flag --no-masquerade-cidr",
    ],
    ["no subnet", ["init", "--platform", "gke"], 2, "no subnet is given"],
    ["no cloud", ["init", "--platform", "local"], 5, "init is for clouds"],
    ["a wrong MTU", ["conflist", "--mtu", "12"], 2, "from 68 to 65535"],
  ] as const)("%s", async (_what, args, code, text) => {
    const result = await runCommand(args);
    expect(result.err).toContain(text);
    expect(result.err).toContain("next: ");
    expect(result.code).toBe(code);
  });
});

test("a daemon without a pool has an exit code of its own, for the unit", async () => {
  await using folder = await temporaryFolder();
  const result = await runCommand(["daemon", "--state-dir", folder.path]);
  expect(result.err).toContain(`${folder.path}/pool.json does not exist`);
  expect(result.err).toContain("next: ");
  expect(result.code).toBe(9);
});

describe("help", () => {
  const silent = {
    out: () => {},
    err: () => {},
    colour: (_tone: string, text: string) => text,
    progress: <Result>(_what: string, work: () => Promise<Result>) => work(),
  };
  const unused = () => {
    throw new Error("help needs none of this");
  };
  const program = buildProgram({
    terminal: silent,
    now: () => 0,
    config: unused,
    client: unused,
    interrupted: unused,
    exit: () => {},
  });
  const reference = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");

  test.each(program.commands.map((command) => [command.name(), command] as const))(
    "%s has examples and a row in docs/cli.md",
    (name, command) => {
      let text = "";
      command.configureOutput({ writeOut: (part) => (text += part) });
      command.outputHelp();
      expect(text).toMatch(new RegExp(`Examples:\\n  .*cocoon-net ${name}`));
      expect(reference).toContain(`\`cocoon-net ${name}\``);
      for (const option of command.options) expect(option.description, option.flags).not.toBe("");
    },
  );

  test("docs/errors.md has every code with its exit code", () => {
    const errors = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");
    for (const code of errorCodes)
      expect(errors).toMatch(
        new RegExp(`^\\| \`${code}\` \\| \\d{3} \\| ${exitCodeOf[code]} \\|`, "m"),
      );
  });
});
