// What is read off a request before it is served: its parameters, and what the answer repeats of it.

import { randomUUID } from "node:crypto";
import type { NamedCall } from "#test/clouds/shared/call-log.ts";
import type { Exchange } from "#test/clouds/shared/http-server.ts";
import type { Metadata } from "./errors.ts";

/** Action and Version apart; a form's fields count like the query's. */
export function* pairsOf(exchange: Exchange): Generator<readonly [string, string]> {
  for (const [name, value] of exchange.url.searchParams)
    if (name !== "Action" && name !== "Version") yield [name, value];
  const type = exchange.headers["content-type"] ?? "";
  if (exchange.method === "POST" && type.startsWith("application/x-www-form-urlencoded"))
    yield* new URLSearchParams(exchange.body);
}

/** Region and service of the credential scope are repeated unchecked; without a request they are empty. */
export function metadataOf(call: NamedCall, exchange?: Exchange): Metadata {
  const scope = /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(
    exchange?.headers["authorization"] ?? "",
  );
  const { Action, Version } = call.params;
  return {
    RequestId: randomUUID().replaceAll("-", "").toUpperCase(),
    Action: typeof Action === "string" ? Action : "",
    Version: typeof Version === "string" ? Version : "",
    Service: scope?.[2] ?? "",
    Region: scope?.[1] ?? "",
  };
}
