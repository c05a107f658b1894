// Signs and sends raw requests for the fake's own tests, written after the vendor's guide and not after any client.

import { createHash, createHmac } from "node:crypto";
import { ACCESS_KEY, REGION, SECRET_KEY } from "./standard-scenario.ts";

export interface Signing {
  readonly accessKeyId?: string;
  readonly secretKey?: string;
  readonly sessionToken?: string;
  readonly region?: string;
  readonly service?: "vpc" | "ecs";
  /** Milliseconds since 1970; the machine's time when absent. */
  readonly now?: number;
  readonly method?: "GET" | "POST" | "PUT";
  readonly version?: string;
  /** Sent as a form, with POST. */
  readonly form?: string;
}

/** What came back. */
export interface Reply {
  readonly status: number;
  /** `""` when it is no error. */
  readonly code: string;
  readonly codeN: number | undefined;
  readonly message: string;
  // Whatever the action answers: a test picks from it.
  readonly result: Record<string, unknown>;
}

interface Envelope {
  readonly ResponseMetadata: {
    readonly Error?: { readonly CodeN?: number; readonly Code: string; readonly Message: string };
  };
  readonly Result?: Record<string, unknown>;
}

export type Query = readonly (readonly [string, string])[] | Readonly<Record<string, string>>;

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Query string and headers of a signed request. */
export function signed(
  action: string,
  query: Query = {},
  signing: Signing = {},
): { readonly path: string; readonly init: RequestInit } {
  const { region = REGION, service = "vpc", method = "GET", form = "" } = signing;
  const pairs: (readonly [string, string])[] = [
    ["Action", action],
    ["Version", signing.version ?? "2020-04-01"],
    ...(Array.isArray(query) ? (query as [string, string][]) : Object.entries(query)),
  ];
  const escaped = pairs
    .map(([name, value]) => [escape(name), escape(value)] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .map((pair) => pair.join("="));
  const stamp = new Date(signing.now ?? Date.now()).toISOString().replaceAll(/[-:]|\.\d+/g, "");
  const headers: Record<string, string> = { "x-date": stamp };
  if (signing.sessionToken !== undefined) headers["x-security-token"] = signing.sessionToken;
  if (form !== "") headers["x-content-sha256"] = sha256(form);
  const names = Object.keys(headers).toSorted();
  const canonical = [
    method,
    "/",
    escaped.join("&"),
    ...names.map((name) => `${name}:${headers[name]}`),
    "",
    names.join(";"),
    sha256(form),
  ].join("\n");
  const day = stamp.slice(0, 8);
  const scope = [day, region, service, "request"].join("/");
  let key: string | Buffer = signing.secretKey ?? SECRET_KEY;
  for (const part of scope.split("/")) key = createHmac("sha256", key).update(part).digest();
  const signature = createHmac("sha256", key)
    .update(["HMAC-SHA256", stamp, scope, sha256(canonical)].join("\n"))
    .digest("hex");
  const credential = `${signing.accessKeyId ?? ACCESS_KEY}/${scope}`;
  headers["authorization"] =
    `HMAC-SHA256 Credential=${credential}, SignedHeaders=${names.join(";")}, Signature=${signature}`;
  if (form !== "") headers["content-type"] = "application/x-www-form-urlencoded";
  return {
    path: `/?${escaped.join("&")}`,
    init: { method, headers, ...(form === "" ? {} : { body: form }) },
  };
}

/** Sends it; throws when the answer is not the API's envelope. */
export async function ask(
  url: string,
  action: string,
  query: Query = {},
  signing: Signing = {},
): Promise<Reply> {
  const { path, init } = signed(action, query, signing);
  const response = await fetch(url + path, init);
  const body = (await response.json()) as Envelope;
  const error = body.ResponseMetadata.Error;
  return {
    status: response.status,
    code: error?.Code ?? "",
    codeN: error?.CodeN,
    message: error?.Message ?? "",
    result: body.Result ?? {},
  };
}

const escape = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
