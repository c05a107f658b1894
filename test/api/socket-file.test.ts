// The socket as a file: its mode, a dead broker's leftover, a living broker, and paths that cannot be.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createApiClient } from "#broker/api/client.ts";
import { startApiServer } from "#broker/api/server.ts";
import { fakeBroker, fakeHandlers, status } from "./fake-handlers.ts";

const start = (path: string) =>
  startApiServer({ path, handlers: fakeHandlers().handlers, onError: () => {} });

function folder() {
  const path = mkdtempSync(join(tmpdir(), "cocoon-net-socket-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

test("the socket is for its owner alone, in a folder that is made", async () => {
  await using broker = await fakeBroker();
  expect(statSync(broker.socket).mode & 0o777).toBe(0o600);
});

test("a second broker is told that one runs, and the first goes on", async () => {
  await using broker = await fakeBroker();
  await expect(start(broker.socket)).rejects.toMatchObject({
    code: "already-running",
    message: expect.stringContaining(broker.socket),
  });
  expect(await createApiClient(broker.socket).status()).toEqual(status);
});

test("a socket that a killed process left is replaced", async () => {
  using place = folder();
  const path = join(place.path, "broker.sock");
  const child = spawn(
    process.execPath,
    [
      "-e",
      `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(existsSync(path)).toBe(true);
  await using server = await start(path);
  expect(await createApiClient(server.path).status()).toEqual(status);
});

test("a file in the place of the socket is not removed", async () => {
  using place = folder();
  const path = join(place.path, "broker.sock");
  writeFileSync(path, "precious");
  await expect(start(path)).rejects.toMatchObject({
    code: "invalid-config",
    message: `${path} exists and is not a socket`,
  });
  expect(statSync(path).size).toBe(8);
});

test("a path that the kernel cannot take is refused with the flag", async () => {
  await expect(start(`/tmp/${"x".repeat(120)}/broker.sock`)).rejects.toMatchObject({
    code: "invalid-config",
    hint: expect.stringContaining("--socket"),
  });
});

test("closing removes the socket and ends open connections", async () => {
  using place = folder();
  const path = join(place.path, "broker.sock");
  const server = await start(path);
  const controller = new AbortController();
  const events = createApiClient(path).events({ replay: true, signal: controller.signal });
  expect((await events.next()).value).toMatchObject({ event: "lease.bound" });
  await server[Symbol.asyncDispose]();
  expect((await events.next()).done).toBe(true);
  expect(existsSync(path)).toBe(false);
});
