// The wire: where calls go, what they carry, what is believed, and what is said when they fail.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BrokerError } from "#core/errors.ts";
import { openGke } from "#provision/gke/cloud.ts";
import { findCredentials } from "#provision/gke/credentials.ts";
import { linkOf } from "#provision/gke/link.ts";
import { Metadata } from "#provision/gke/metadata.ts";
import { callLimits } from "#provision/gke/transport.ts";
import { processTiming } from "#provision/retry.ts";
import {
  type Answer,
  type Exchange,
  type HttpServer,
  type Silence,
  startHttpServer,
} from "#test/clouds/shared/http-server.ts";

const never = new AbortController().signal;
const identity = { instance: "7", name: "node-1", zone: "z-a", project: "p" };
const scope = {
  identity,
  nodeName: "node-1",
  subnet: undefined,
  securityGroups: [],
  provisioning: undefined,
  pool: undefined,
};
const json = (body: unknown, status = 200): Answer => ({ status, body: JSON.stringify(body) });
const metadata: Readonly<Record<string, string>> = {
  "/instance/zone": "projects/12/zones/z-a",
  "/instance/id": "7",
  "/instance/name": "node-1",
  "/project/project-id": "p",
  "/instance/network-interfaces/0/mac": "42:01:0A:80:00:02",
  "/instance/service-accounts/default/scopes": "https://www.googleapis.com/auth/compute\n",
  "/instance/service-accounts/default/token": JSON.stringify({
    access_token: "ya29.secret",
    expires_in: 3_600,
    token_type: "Bearer",
  }),
};
const instance = {
  id: "7",
  name: "node-1",
  canIpForward: true,
  networkInterfaces: [
    {
      name: "nic0",
      subnetwork: "https://x/projects/host/regions/r/subnetworks/s",
      fingerprint: "f",
    },
  ],
};

let seen: Exchange[];
let api: (exchange: Exchange) => Answer | Silence;
let server: HttpServer;
let folder: string;

beforeEach(async () => {
  seen = [];
  folder = mkdtempSync(join(tmpdir(), "cocoon-gke-wire-"));
  api = ({ url }) =>
    json(
      url.pathname.includes("/subnetworks/") ? { name: "s", ipCidrRange: "10.0.0.0/20" } : instance,
    );
  server = await startHttpServer({ host: "127.0.0.1", port: 0 }, async (exchange) => {
    const path = exchange.url.pathname.replace("/computeMetadata/v1", "");
    if (path === exchange.url.pathname) {
      seen.push(exchange);
      return api(exchange);
    }
    const body = metadata[path];
    const headers = { "metadata-flavor": "Google" };
    return body === undefined ? { status: 404, headers, body: "" } : { status: 200, headers, body };
  });
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

const open = (
  endpoint = server.url,
  environment: Readonly<Record<string, string>> = {},
  calls = 1,
) =>
  openGke({
    environment: {
      GCE_METADATA_HOST: server.url.replace("http://", ""),
      CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE: endpoint,
      ...environment,
    },
    timing: { ...processTiming, sleep: () => Promise.resolve() },
    limits: { ...callLimits, calls },
    root: "/",
  });

async function failure(work: Promise<unknown>): Promise<BrokerError> {
  const thrown: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(thrown).toBeInstanceOf(BrokerError);
  return thrown as BrokerError;
}

describe("where calls go", () => {
  it.each(["", "/", "/compute/v1", "/compute/v1/"])("endpoint ending in %j", async (path) => {
    await open(`${server.url}${path}`).access.observe(scope, never);
    expect(seen.map(({ url }) => url.pathname)).toEqual([
      "/compute/v1/projects/p/zones/z-a/instances/node-1",
      "/compute/v1/projects/host/regions/r/subnetworks/s",
    ]);
    expect(seen[0]?.headers["authorization"]).toBe("Bearer ya29.secret");
  });

  it("finds the machine", async () => {
    expect(await open().access.detect(never)).toEqual(identity);
  });

  it("takes what has no flavour for another cloud's", async () => {
    const portal = await startHttpServer({ host: "127.0.0.1", port: 0 }, async () => ({
      status: 200,
      body: "projects/12/zones/z-a",
    }));
    const gke = open(server.url, { GCE_METADATA_HOST: portal.url });
    expect(await gke.access.detect(never)).toBeUndefined();
    await portal[Symbol.asyncDispose]();
    expect(await gke.access.detect(never)).toBeUndefined();
  });
});

describe("what a refusal becomes", () => {
  const refusal = (status: number, reason: string, message: string) =>
    json({ error: { code: status, message, errors: [{ reason, message }] } }, status);
  it.each<[string, Answer | Silence, string, RegExp]>([
    [
      "forbidden",
      refusal(403, "forbidden", "Required 'compute.instances.get' permission"),
      "cloud-denied",
      /compute\.instances\.get/,
    ],
    [
      "rate quota",
      refusal(403, "rateLimitExceeded", "Quota exceeded"),
      "cloud-unavailable",
      /Quota exceeded/,
    ],
    [
      "scopes",
      refusal(403, "insufficientPermissions", "Request had insufficient authentication scopes."),
      "cloud-denied",
      /scopes/,
    ],
    [
      "no such instance",
      refusal(404, "notFound", "The resource was not found"),
      "cloud-conflict",
      /not found/,
    ],
    ["bad request", refusal(400, "invalid", "Invalid value"), "cloud-conflict", /Invalid value/],
    [
      "server error",
      refusal(503, "backendError", "Backend error"),
      "cloud-unavailable",
      /HTTP 503/,
    ],
    ["HTML", { status: 502, body: "<html>" }, "cloud-unavailable", /HTTP 502/],
    ["HTML with 200", { status: 200, body: "<html>" }, "cloud-unavailable", /not JSON/],
    [
      "another form",
      json({ id: 7, name: "node-1" }),
      "cloud-unavailable",
      /form of the API \(id\)/,
    ],
    [
      "no interface",
      json({ ...instance, networkInterfaces: [] }),
      "cloud-unavailable",
      /networkInterfaces/,
    ],
    [
      "a name without end",
      json({ ...instance, name: "x".repeat(2_000) }),
      "cloud-unavailable",
      /name/,
    ],
    [
      "a body without end",
      { status: 200, body: `"${"x".repeat(9 * 1_024 * 1_024)}"` },
      "cloud-unavailable",
      /longer than/,
    ],
    ["reset", "reset", "cloud-unavailable", /instances\.get/],
    [
      "words without end",
      refusal(400, "invalid", "\u001b[31m x".repeat(1_000)),
      "cloud-conflict",
      /…/,
    ],
  ])("%s", async (_, answer, code, message) => {
    api = () => answer;
    const thrown = await failure(open().access.observe(scope, never));
    expect(thrown).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(thrown.hint).not.toBe("");
    expect(`${thrown.message}${thrown.details}${thrown.hint}`).not.toMatch(/ya29|\p{Cc}/u);
    expect(thrown.message.length).toBeLessThan(600);
  });

  it("is a number of calls that ends", async () => {
    api = () => json({}, 503);
    await failure(open(server.url, {}, 5).access.observe(scope, never));
    expect(seen).toHaveLength(5);
  });

  it("does not follow a redirection with the token", async () => {
    api = () => ({ status: 302, headers: { location: `${server.url}/elsewhere` }, body: "" });
    await failure(open().access.observe(scope, never));
    expect(seen.map(({ url }) => url.pathname)).not.toContain("/elsewhere");
  });
});

describe("credentials of a file", () => {
  it.each([
    ['{ "private_key": "secret', /it is not JSON$/],
    ['{"type":"service_account"}', /client_email/],
  ])("that is %j are refused, without its content", async (content, reason) => {
    const file = join(folder, "key.json");
    writeFileSync(file, content);
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    const gke = open(server.url, { GOOGLE_APPLICATION_CREDENTIALS: file });
    const thrown = await failure(gke.access.observe(scope, never));
    expect(thrown.code).toBe("cloud-denied");
    expect(thrown.message).toContain(file);
    expect(thrown.message).toMatch(reason);
    expect(thrown.message).not.toContain("secret");
  });

  it("kept by gcloud are found", async () => {
    const known = join(folder, ".config/gcloud");
    mkdirSync(known, { recursive: true });
    writeFileSync(join(known, "application_default_credentials.json"), "{");
    vi.stubEnv("HOME", folder);
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", undefined);
    const gke = open(server.url, { HOME: folder });
    expect((await failure(gke.access.observe(scope, never))).message).toContain(known);
  });

  it("of a person need no scopes of the machine", async () => {
    const file = join(folder, "key.json");
    writeFileSync(
      file,
      JSON.stringify({
        type: "authorized_user",
        client_id: "c",
        client_secret: "s",
        refresh_token: "r",
        universe_domain: "googleapis.com",
      }),
    );
    vi.stubEnv("GOOGLE_APPLICATION_CREDENTIALS", file);
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: file };
    const metadataServer = new Metadata({
      host: "127.0.0.1:1",
      timing: processTiming,
      callDeadline: 10,
    });
    expect(await findCredentials(environment, metadataServer, never)).toMatchObject({
      kind: "file",
    });
  });
});

describe("the link of an interface", () => {
  it("is none where no link has its MAC", async () => {
    expect(await linkOf("02:00:00:00:00:99", "/")).toBeUndefined();
  });
});
