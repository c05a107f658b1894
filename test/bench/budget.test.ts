// What a call and an exchange cost, counted instead of timed: the same on a busy machine and on an idle one.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { compile } from "#bench/compiled.ts";
import { GUEST_LINK, ours } from "#bench/dhcp-servers.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { honestBroker, served } from "#test/plugin/fake-broker.ts";
import { ADD_ENV, EXECUTABLES, confFor, runPlugin } from "#test/plugin/plugin-process.ts";

/** A compiler or C library of another version makes other code of the same source. */
const TOLERANCE = 1.15;
/** Instructions of an ADD in the native plugin, start to exit. */
const INSTRUCTIONS = 575_000;
/** Its system calls. */
const CALLS = 24;
/** Guests one after the other, far enough apart that none shares a commit or a datagram with another. */
const GUESTS = { rate: 20, seconds: 3 };
/** System calls by which the broker reads, writes, sends and receives for one guest alone, DISCOVER to ACK. */
const EXCHANGE_CALLS = 34;
/** One for each guest, and some for the mirror's memory. */
const SYNCS = 1.3;
const TRACED =
  "fdatasync,pwrite64,pwritev,write,writev,read,sendmsg,sendto,recvmsg,recvfrom,sendmmsg,recvmmsg,socket,ioctl";

const [[, plugin]] = EXECUTABLES;

async function addUnder(under: (file: string) => readonly string[]): Promise<string> {
  await using folder = await temporaryFolder();
  await using broker = await honestBroker(join(folder.path, "broker.sock"), () =>
    served({ exitCode: 0, stdout: '{"cniVersion":"1.0.0"}\n', confirm: "token" }),
  );
  const file = join(folder.path, "count");
  const stdin = JSON.stringify(confFor(folder.path));
  const { code, stderr } = await runPlugin(plugin, { env: ADD_ENV, stdin, under: under(file) });
  expect({ code, confirmed: broker.received.length }).toEqual({ code: 0, confirmed: 2 });
  return `${stderr}\n${await readFile(file, "utf8").catch(() => "")}`;
}

describe("the native plugin's ADD", () => {
  test("stays within its instructions", async () => {
    const said = await addUnder((file) => [
      "/usr/bin/valgrind",
      "--tool=callgrind",
      `--callgrind-out-file=${file}.out`,
    ]);
    const instructions = Number(/Collected\s*:\s*(\d+)/.exec(said)?.[1]);
    expect(instructions).toBeGreaterThan(0);
    expect(instructions).toBeLessThan(INSTRUCTIONS * TOLERANCE);
  });

  test("stays within its system calls", async () => {
    const said = await addUnder((file) => ["/usr/bin/strace", "-f", "-o", file]);
    const calls = said.split("\n").filter((line) => /^\d+ +\w+\(/.test(line));
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.length).toBeLessThanOrEqual(CALLS);
  });
});

test("a guest alone costs the broker one sync and few calls to the kernel", async () => {
  await using folder = await temporaryFolder();
  const program = await compile("guests", folder.path);
  await using server = await ours("this").start({ relay: false });
  const file = join(folder.path, "calls");
  const strace = ["/usr/bin/strace", "-f", "-e", `trace=${TRACED}`, "-o", file];
  await using tracer = server.guests.spawn([...strace, "-p", String(server.pid)]);
  await waitFor(() => tracer.stderr().includes("attached"), { what: "strace" });
  const { rate, seconds } = GUESTS;
  const numbers = [1, 0, 0, rate, seconds].map(String);
  const said = await server.guests.exec([program, GUEST_LINK, ...numbers]);
  const { bound } = z.parse(z.object({ bound: z.number() }), JSON.parse(said.split("\n")[1] ?? ""));
  expect(bound).toBeGreaterThan(0);
  const text = await readFile(file, "utf8");
  const calls = text.split("\n").filter((line) => /^\d+ +\w+\(/.test(line));
  const count = (name: RegExp) => calls.filter((line) => name.test(line)).length / bound;
  expect(count(/ fdatasync/)).toBeLessThan(SYNCS);
  expect(count(/./)).toBeLessThan(EXCHANGE_CALLS);
});
