// The API over a real Unix socket: answers, refusals, limits, and a client that closes right after it wrote.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createApiClient } from "#broker/api/client.ts";
import { MAX_BODY_BYTES } from "#broker/api/contract.ts";
import { errorStatus } from "#broker/api/error-status.ts";
import { findRoute } from "#broker/api/routes.ts";
import { startMetricsListener } from "#broker/api/metrics-listener.ts";
import { BrokerError, errorCodes } from "#core/errors.ts";
import { fakeBroker, guest, lease, status } from "./fake-handlers.ts";
import { connect, exchange, request } from "./raw-client.ts";

describe("round trips", () => {
  test("the client reads what the handlers answer", async () => {
    await using broker = await fakeBroker();
    const client = createApiClient(broker.socket);
    expect(await client.status()).toEqual(status);
    expect(await client.leases()).toEqual([lease, guest]);
    expect((await client.address(lease.ip)).lease).toEqual(lease);
    expect(await client.forgetLease(lease.ip, 6)).toMatchObject({ released: false });
    expect(await client.forgetLease(lease.ip)).toMatchObject({ released: true });
    expect(await client.ready()).toEqual({ ok: false, reason: "the ledger is being rebuilt" });
  });

  test("a handler's error arrives with code, message and hint", async () => {
    await using broker = await fakeBroker();
    const error = await createApiClient(broker.socket)
      .forgetLease("10.88.100.9")
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(BrokerError);
    expect(error).toMatchObject({
      code: "unknown-lease",
      message: "nobody holds 10.88.100.9",
      hint: "see `cocoon-net leases`",
    });
  });

  test("sixty-five thousand leases are streamed", async () => {
    const many = Array.from({ length: 65_536 }, (_, index) => ({ ...lease, sequence: index }));
    await using broker = await fakeBroker(many);
    const leases = await createApiClient(broker.socket).leases();
    expect(leases.length).toBe(65_536);
    expect(leases.at(-1)?.sequence).toBe(65_535);
  });

  test("no broker is said with the next step", async () => {
    const error = await createApiClient("/nonexistent/broker.sock")
      .status()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "not-ready",
      message: "the broker is not running: there is no /nonexistent/broker.sock",
    });
    expect((error as BrokerError).hint).toContain("systemctl start cocoon-net");
  });
});

describe("plugin calls", () => {
  test("call and confirmation share a connection", async () => {
    await using broker = await fakeBroker();
    const socket = await connect(broker.socket);
    const answers: string[] = [];
    socket.on("data", (bytes) => answers.push(bytes.toString()));
    socket.write(request("POST", "/v1/cni", `{"version":"0.1.0"}`));
    await expect.poll(() => answers.join("")).toContain(`"confirm":"token-1"`);
    socket.write(request("POST", "/v1/cni/confirm", `{"confirm":"token-1"}`));
    await expect.poll(() => answers.join("")).toContain("HTTP/1.1 204");
    socket.destroy();
    expect(broker.calls).toEqual([{ version: "0.1.0" }]);
    expect(broker.confirmed).toEqual(["token-1"]);
  });

  test("a confirmation counts although its sender closed at once", async () => {
    await using broker = await fakeBroker();
    const rounds = 50;
    for (let round = 0; round < rounds; round++) {
      const socket = await connect(broker.socket);
      await new Promise<void>((resolve) => {
        socket.write(request("POST", "/v1/cni", "{}"));
        socket.once("data", () =>
          socket.write(request("POST", "/v1/cni/confirm", `{"confirm":"t${round}"}`), () =>
            resolve(),
          ),
        );
      });
      socket.destroy();
    }
    await expect.poll(() => broker.confirmed.length).toBe(rounds);
    expect(broker.faults).toEqual([]);
  });
});

describe("refusals", () => {
  const rows: readonly [what: string, bytes: string, status: number, code: string][] = [
    ["a body that is not JSON", request("POST", "/v1/cni", "{"), 400, "invalid-request"],
    [
      "an announced body that is too long",
      request("POST", "/v1/cni", "", { "Content-Length": String(MAX_BODY_BYTES + 1) }),
      400,
      "invalid-request",
    ],
    [
      "a confirmation without token",
      request("POST", "/v1/cni/confirm", "{}"),
      400,
      "invalid-request",
    ],
    [
      "a confirmation with a huge token",
      request("POST", "/v1/cni/confirm", JSON.stringify({ confirm: "x".repeat(5_000) })),
      400,
      "invalid-request",
    ],
    ["an unknown path", request("GET", "/v2/status"), 404, "invalid-request"],
    ["another method", request("PUT", "/v1/status"), 405, "invalid-request"],
    ["no address", request("GET", "/v1/leases/ten.eighty.eight"), 400, "invalid-request"],
    ["a broken escape", request("GET", "/v1/leases/%zz"), 400, "invalid-request"],
    ["no number", request("DELETE", "/v1/leases/10.88.100.7?sequence=-1"), 400, "invalid-request"],
    [
      "a web page",
      request("GET", "/v1/status", "", { Origin: "http://evil.example" }),
      403,
      "permission-denied",
    ],
    [
      "a proxied name",
      request("GET", "/v1/status", "", { Host: "evil.example" }),
      403,
      "permission-denied",
    ],
  ];
  test.each(rows)("%s", async (_what, bytes, expected, code) => {
    await using broker = await fakeBroker();
    const answer = await exchange(broker.socket, bytes);
    expect(answer.status).toBe(expected);
    expect(JSON.parse(answer.body)).toMatchObject({
      code,
      message: expect.any(String),
      details: expect.any(String),
      hint: expect.any(String),
    });
    expect(broker.calls).toEqual([]);
    expect(broker.confirmed).toEqual([]);
  });

  test("a chunked body is cut off at the limit", async () => {
    await using broker = await fakeBroker();
    const chunk = `10000\r\n${"x".repeat(0x10000)}\r\n`;
    const bytes = `POST /v1/cni HTTP/1.1\r\nHost: cocoon-net\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(18)}0\r\n\r\n`;
    const answer = await exchange(broker.socket, bytes);
    expect(answer.status).toBe(400);
    expect(answer.body).toContain("more than 1048576 bytes");
  });

  test("every error code has a status of its own right", () => {
    for (const code of errorCodes) expect(errorStatus[code]).toBeGreaterThanOrEqual(400);
  });
});

describe("hostile input", () => {
  test("no bytes end the server or reach a handler as a call", async () => {
    await using broker = await fakeBroker();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 4_096 }),
          fc.string({ minLength: 1 }).map((text) => Buffer.from(request("POST", "/v1/cni", text))),
        ),
        async (bytes) => {
          const socket = await connect(broker.socket);
          socket.on("error", () => socket.destroy());
          await new Promise<void>((resolve) => socket.end(bytes, () => resolve()));
          socket.resume();
          await new Promise<void>((resolve) =>
            socket.closed ? resolve() : socket.once("close", () => resolve()),
          );
        },
      ),
      { numRuns: 150 },
    );
    expect(await createApiClient(broker.socket).status()).toEqual(status);
    expect(broker.faults).toEqual([]);
  });

  test("every target has an answer", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `/v1/leases/${text}`),
        ),
        (method, target) => {
          expect(["found", "wrong-method", "unknown"]).toContain(findRoute(method, target).kind);
        },
      ),
    );
  });
});

describe("metrics over TCP", () => {
  test("serves /metrics and nothing else", async () => {
    await using listener = await startMetricsListener({
      host: "127.0.0.1",
      port: 0,
      metrics: async () => "up 1\n",
      onError: () => {},
    });
    const answer = await fetch(`http://127.0.0.1:${listener.port}/metrics`);
    expect([answer.status, await answer.text()]).toEqual([200, "up 1\n"]);
    expect((await fetch(`http://127.0.0.1:${listener.port}/v1/leases`)).status).toBe(404);
  });

  test("a taken port names the flag", async () => {
    await using first = await startMetricsListener({
      host: "127.0.0.1",
      port: 0,
      metrics: async () => "",
      onError: () => {},
    });
    await expect(
      startMetricsListener({
        host: "127.0.0.1",
        port: first.port,
        metrics: async () => "",
        onError: () => {},
      }),
    ).rejects.toMatchObject({
      code: "system-failure",
      hint: expect.stringContaining("--metrics-addr"),
    });
  });
});
