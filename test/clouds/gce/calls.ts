// Raw calls to the fake for its own tests: no client library between the wire and the assertion.

import { request } from "node:http";
import { FakeGce } from "./fake-gce.ts";
import { type Scenario, gkeScenario } from "./scenario.ts";

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON, `{}` when it is none. */
  readonly body: Readonly<Record<string, unknown>>;
  /** `reason` of the first error. */
  readonly reason: string | undefined;
  readonly message: string | undefined;
}

export const PROJECT = "projects/demo-project";
export const ZONE = `${PROJECT}/zones/us-central1-a`;
export const NODE_1 = `${ZONE}/instances/gke-demo-pool-1`;
export const NODE_2 = `${ZONE}/instances/gke-demo-pool-2`;
export const SUBNETWORK = `${PROJECT}/regions/us-central1/subnetworks/nodes`;
/** An operation is done within so many polls in any scenario of these tests. */
const MAX_POLLS = 20;

async function reply(response: Response): Promise<Reply> {
  const text = await response.text();
  let body: Reply["body"] = {};
  if (response.headers.get("content-type")?.includes("json") === true)
    try {
      body = JSON.parse(text) as Reply["body"];
    } catch {
      body = {};
    }
  const error = body["error"] as
    | { message?: string; errors?: readonly { reason?: string }[] }
    | undefined;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body,
    reason: error?.errors?.[0]?.reason,
    message: error?.message,
  };
}

export interface Caller extends AsyncDisposable {
  readonly gce: FakeGce;
  /** `http://host:port` of API and metadata. */
  readonly url: string;
  /** `path` behind `/compute/v1/`; a body makes it a PATCH unless `method` says else. */
  call(
    path: string,
    options?: {
      readonly method?: string;
      readonly body?: unknown;
      readonly raw?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly signal?: AbortSignal;
    },
  ): Promise<Reply>;
  metadata(path: string, headers?: Readonly<Record<string, string>>): Promise<Reply>;
  /** The interface as `instances.get` shows it. */
  nic(
    instance?: string,
  ): Promise<{ readonly fingerprint: string; readonly aliasIpRanges?: readonly unknown[] }>;
  /** Replaces the aliases of nic0 with a fresh fingerprint. */
  setAliases(instance: string, aliasIpRanges: unknown, query?: string): Promise<Reply>;
  /** Polls until the operation is DONE. */
  finish(operation: Reply): Promise<Reply>;
}

/** A fake on loopback and a token for it. */
export async function startCaller(change: Partial<Scenario> = {}): Promise<Caller> {
  const gce = new FakeGce(gkeScenario(change));
  const { url } = await gce.startAll();
  const flavor = { "Metadata-Flavor": "Google" };
  const metadata: Caller["metadata"] = async (path, headers = flavor) =>
    reply(await fetch(`${url}/computeMetadata/v1${path}`, { headers, redirect: "manual" }));
  const issued = await metadata("/instance/service-accounts/default/token");
  const authorization = `Bearer ${String(issued.body["access_token"])}`;
  const call: Caller["call"] = async (path, { method, body, raw, headers, signal } = {}) =>
    reply(
      await fetch(`${url}/compute/v1/${path}`, {
        method: method ?? (body === undefined && raw === undefined ? "GET" : "PATCH"),
        headers: { authorization, "content-type": "application/json", ...headers },
        ...(body === undefined && raw === undefined ? {} : { body: raw ?? JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }),
    );
  const nic: Caller["nic"] = async (instance = NODE_1) => {
    const { body } = await call(instance);
    const [first] = body["networkInterfaces"] as Awaited<ReturnType<Caller["nic"]>>[];
    if (first === undefined) throw new Error(`${instance} has no interface`);
    return first;
  };
  return {
    gce,
    url,
    call,
    metadata,
    nic,
    async setAliases(instance, aliasIpRanges, query = "") {
      const { fingerprint } = await nic(instance);
      return call(`${instance}/updateNetworkInterface?networkInterface=nic0${query}`, {
        body: { fingerprint, aliasIpRanges },
      });
    },
    async finish({ body }) {
      const path = String(body["selfLink"]).replace(/^.*\/compute\/v1\//, "");
      for (let poll = 0; poll < MAX_POLLS; poll += 1) {
        const operation = await call(path);
        if (operation.body["status"] === "DONE") return operation;
      }
      throw new Error(`${path} was not DONE after ${MAX_POLLS} polls`);
    },
    [Symbol.asyncDispose]: () => gce[Symbol.asyncDispose](),
  };
}

/** A call to the control socket. */
export function control(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  const sent = request({ socketPath, method, path }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (chunk: string) => (text += chunk));
    response.on("end", () => resolve(JSON.parse(text)));
    response.on("error", reject);
  });
  sent.on("error", reject);
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  return promise;
}
