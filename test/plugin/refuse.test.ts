// What the plugin says when no broker serves the call, or when it was called wrongly.
import { linkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { describe, expect, test } from "vitest";
import { honestBroker, rawBroker } from "./fake-broker.ts";
import { ADD_ENV, confFor, EXECUTABLES, runPlugin, temporaryFolder } from "./plugin-process.ts";

const MEBIBYTE = 1024 * 1024;
const VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const OK = "HTTP/1.1 200 OK\r\n";

/** Raw answers that are no answer, and what the details must say about each. */
const BROKEN: readonly (readonly [string, string | Uint8Array, string])[] = [
  ["closes at once", "", "closed the connection"],
  ["sends half a header", "HTTP/1.1 200 OK\r\nContent-Le", "closed the connection"],
  ["closes amid the body", `${OK}Content-Length: 100\r\n\r\n{"exitCode"`, "closed the connection"],
  [
    "closes amid a chunk",
    `${OK}Transfer-Encoding: chunked\r\n\r\n40\r\n{"exit`,
    "closed the connection",
  ],
  ["sends garbage", Buffer.alloc(4096, 0xa7), "closed the connection"],
  ["sends lines that are not HTTP", "220 mail ready\r\n\r\n", "not an HTTP/1.1 status"],
  ["sends a header without end", `${OK}X: ${"x".repeat(40_000)}`, "header does not end"],
  ["announces too much", `${OK}Content-Length: ${2 * MEBIBYTE}\r\n\r\n`, "more than 1048576"],
  [
    "sends too much in chunks",
    `${OK}Transfer-Encoding: chunked\r\n\r\nffffff\r\n`,
    "more than 1048576",
  ],
  ["gives no length", `${OK}\r\n{}`, "how long its body is"],
  ["answers something else", `${OK}Content-Length: 2\r\n\r\n{}`, "not what POST /v1/cni gives"],
  [
    "answers a wrong exit code",
    `${OK}Content-Length: 28\r\n\r\n{"exitCode":"0","stdout":""}`,
    "not what POST /v1/cni gives",
  ],
  [
    "nests without end",
    `${OK}Content-Length: 500000\r\n\r\n${"[".repeat(500_000)}`,
    "not what POST /v1/cni gives",
  ],
];

describe.each(EXECUTABLES)("%s", (_, executable) => {
  test.each([
    ["ADD", 11],
    ["CHECK", 11],
    ["GC", 11],
    ["STATUS", 50],
  ])("%s without a broker is code %i with the next step", async (command, code) => {
    using folder = temporaryFolder();
    const finished = await runPlugin(executable, {
      env: { ...ADD_ENV, CNI_COMMAND: command },
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(finished.code).toBe(1);
    const error = JSON.parse(finished.stdout);
    expect(error).toMatchObject({
      cniVersion: "1.0.0",
      code,
      msg: "the cocoon-net broker does not serve",
    });
    expect(error.details).toContain(
      `${folder.path}/broker.sock: it does not exist. Hint: start the broker`,
    );
  });

  test("a socket that nobody listens on", async () => {
    using folder = temporaryFolder();
    const file = `${folder.path}/broker.sock`;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(`${file}.bound`, resolve));
    // The name stays when it is linked elsewhere, the listener does not.
    linkSync(`${file}.bound`, file);
    await new Promise((resolve) => server.close(resolve));
    const finished = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(JSON.parse(finished.stdout)).toMatchObject({
      code: 11,
      details: expect.stringContaining("nobody listens on the socket"),
    });
  });

  test("a path that is not a socket, and one that is too long for a socket", async () => {
    using folder = temporaryFolder();
    writeFileSync(`${folder.path}/broker.sock`, "");
    const plain = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(JSON.parse(plain.stdout)).toMatchObject({ code: 11 });
    const long = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify({ ipam: { socket: `/${"x".repeat(300)}` } }),
    });
    expect(JSON.parse(long.stdout)).toMatchObject({ cniVersion: "1.1.0", code: 11 });
  });

  test.each(BROKEN)("a broker that %s", async (_name, bytes, words) => {
    using folder = temporaryFolder();
    await using _broker = await rawBroker(`${folder.path}/broker.sock`, bytes);
    const finished = await runPlugin(executable, {
      env: ADD_ENV,
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(finished.code).toBe(1);
    expect(JSON.parse(finished.stdout)).toMatchObject({
      code: 11,
      details: expect.stringContaining(words),
    });
  });

  test.each([500, 503, 400])("a broker that answers %i is quoted", async (status) => {
    using folder = temporaryFolder();
    const body = JSON.stringify({
      code: "starting",
      message: "the ledger is being checked",
      details: "12 of 40 pages.",
      hint: "wait a second.",
    });
    await using _broker = await honestBroker(`${folder.path}/broker.sock`, () => ({
      status,
      body,
    }));
    const finished = await runPlugin(executable, {
      env: { ...ADD_ENV, CNI_COMMAND: "STATUS" },
      stdin: JSON.stringify(confFor(folder.path)),
    });
    expect(JSON.parse(finished.stdout)).toEqual({
      cniVersion: "1.0.0",
      code: 50,
      msg: "the cocoon-net broker cannot serve: the ledger is being checked",
      details: `${folder.path}/broker.sock answered with status ${status}. 12 of 40 pages. Hint: wait a second.`,
    });
  });

  test("a configuration of exactly 1 MiB of input is too long once it is written as JSON, one byte more at once", async () => {
    for (const length of [MEBIBYTE, MEBIBYTE + 1]) {
      const finished = await runPlugin(executable, { env: ADD_ENV, stdin: "x".repeat(length) });
      expect(JSON.parse(finished.stdout)).toMatchObject({
        code: 7,
        msg: "the network configuration is too long",
      });
    }
  });

  test("standard input that is a folder is code 5", async () => {
    const finished = await runPlugin("/bin/sh", {
      env: ADD_ENV,
      under: ["/bin/sh", "-c", `exec '${executable}' < /`],
    });
    expect(JSON.parse(finished.stdout)).toMatchObject({
      code: 5,
      msg: "the network configuration cannot be read",
    });
  });

  test("VERSION repeats the version it is given, and does not wait for one", async () => {
    using folder = temporaryFolder();
    writeFileSync(`${folder.path}/conf`, '{"cniVersion":"0.3.1"}');
    const version = { env: { CNI_COMMAND: "VERSION" } };
    const given = await runPlugin("/bin/sh", {
      ...version,
      under: ["/bin/sh", "-c", `exec '${executable}' < '${folder.path}/conf'`],
    });
    expect(JSON.parse(given.stdout)).toEqual({ cniVersion: "0.3.1", supportedVersions: VERSIONS });
    // The writing end of the FIFO stays open and empty as long as the plugin runs.
    const script = `mkfifo '${folder.path}/fifo'; exec 3<>'${folder.path}/fifo'; '${executable}' <&3`;
    const waiting = await runPlugin("/bin/sh", {
      env: { ...version.env, PATH: "/usr/bin:/bin" },
      under: ["/bin/sh", "-c", script],
    });
    expect(JSON.parse(waiting.stdout)).toEqual({
      cniVersion: "1.1.0",
      supportedVersions: VERSIONS,
    });
  });

  test("without a command it tells people what it is; an unknown command is code 4", async () => {
    const about = await runPlugin(executable, { env: {} });
    expect(about).toMatchObject({ code: 0, stdout: "" });
    expect(about.stderr).toContain(`CNI protocol versions supported: ${VERSIONS.join(", ")}`);
    const unknown = await runPlugin(executable, { env: { ...ADD_ENV, CNI_COMMAND: "ERASE" } });
    expect(unknown.code).toBe(1);
    expect(JSON.parse(unknown.stdout)).toMatchObject({
      code: 4,
      msg: "unknown CNI_COMMAND: ERASE",
    });
  });
});
