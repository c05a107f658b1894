// The metadata server of an instance: 169.254.169.254, which answers only those that ask as the documentation says.

import { createHash } from "node:crypto";
import type { LoggedCall, NamedCall } from "#test/clouds/shared/call-log.ts";
import type { Cloud } from "#test/clouds/shared/faulty.ts";
import type { Answer, Exchange } from "#test/clouds/shared/http-server.ts";
import {
  directoryText,
  isDirectory,
  leafText,
  lookUp,
  metadataTree,
  recursiveJson,
  recursiveText,
} from "./metadata-tree.ts";
import type { Instance } from "./resources.ts";
import type { GceState } from "./state.ts";

export const METADATA_PREFIX = "/computeMetadata/v1";
const QUERY = ["recursive", "alt", "wait_for_change", "last_etag", "timeout_sec", "scopes"];
/** The longest that a caller is let wait, whatever it asks for. */
const MAX_WAIT_SECONDS = 600;
const BASE_HEADERS = {
  "metadata-flavor": "Google",
  server: "Metadata Server for VM",
  "x-xss-protection": "0",
  "x-frame-options": "SAMEORIGIN",
};

const page = (status: number, title: string, text: string): Answer => ({
  status,
  headers: { ...BASE_HEADERS, "content-type": "text/html; charset=UTF-8" },
  body: `<!DOCTYPE html>\n<html lang=en>\n  <title>Error ${status} (${title})!!1</title>\n  <p><b>${status}.</b> <ins>That’s an error.</ins>\n  <p>${text}\n`,
});

const plain = (body: string, type = "application/text"): Answer => ({
  status: 200,
  headers: { ...BASE_HEADERS, "content-type": type },
  body,
});

const notFound = () => page(404, "Not Found", "The requested URL was not found on this server.");

const named = ({ method, url }: Exchange): NamedCall => ({
  action: url.pathname.endsWith("/token") ? "metadata.token" : "metadata.get",
  mutating: false,
  params: { path: url.pathname, ...Object.fromEntries(url.searchParams) },
  ...(method === "GET" ? {} : { unexpected: `${method} on the metadata server` }),
});

/** `instanceOf` says whose metadata a caller sees. */
export function metadataServer(
  state: GceState,
  instanceOf: (exchange: Exchange) => Instance,
): Cloud {
  return {
    name: named,
    async serve(exchange, call, signal) {
      if (exchange.method !== "GET")
        return page(405, "Method Not Allowed", "The request method is inappropriate for the URL.");
      const { headers, url } = exchange;
      if (headers["metadata-flavor"] !== "Google")
        return page(403, "Forbidden", "Missing Metadata-Flavor:Google header.");
      if (headers["x-forwarded-for"] !== undefined)
        return page(403, "Forbidden", "X-Forwarded-For header is not allowed.");
      if (url.pathname === "/") return plain("computeMetadata/\n");
      const unknown = [...url.searchParams.keys()].find((name) => !QUERY.includes(name));
      if (unknown !== undefined) call.unexpected = `the query parameter ${unknown}`;
      if (url.searchParams.get("wait_for_change") === "true")
        await changed(state, exchange, instanceOf, signal);
      return read(state, exchange, instanceOf(exchange), call);
    },
    failure: () => page(503, "Service Unavailable", "The service is temporarily unavailable."),
    throttled: () => page(429, "Too Many Requests", "Too many requests."),
    denied: () => page(403, "Forbidden", "Your client does not have permission to get URL."),
  };
}

/** A read of an interface's metadata is one step of its lag behind the API. */
function catchUp(state: GceState, instance: Instance): void {
  for (const nic of instance.interfaces) {
    if (nic.lag === 0) continue;
    nic.lag -= 1;
    if (nic.lag > 0) continue;
    nic.shown = nic.aliases;
    state.changes.emit({ kind: "metadata", instance: instance.name });
  }
}

function read(state: GceState, exchange: Exchange, instance: Instance, call: LoggedCall): Answer {
  const { pathname, searchParams } = exchange.url;
  if (!`${pathname}/`.startsWith(`${METADATA_PREFIX}/`)) return notFound();
  const path = pathname.slice(METADATA_PREFIX.length).split("/").filter(Boolean);
  const tree = lookUp(metadataTree(state, instance), path);
  if (path.at(-1) === "token" && tree !== undefined) return token(state, instance);
  const answer = render(pathname, searchParams, tree);
  // Callers may try for the subnetwork: scripts find it there, no reference lists it.
  if (answer.status === 404 && path.at(-1) !== "subnetwork")
    call.unexpected ??= `there is no ${pathname}`;
  if (path[0] === "instance") catchUp(state, instance);
  return { ...answer, headers: { ...answer.headers, etag: etagOf(answer.body) } };
}

function render(
  pathname: string,
  searchParams: URLSearchParams,
  tree: ReturnType<typeof lookUp>,
): Answer {
  if (tree === undefined) return notFound();
  const alt = searchParams.get("alt");
  const name = pathname.split("/").findLast(Boolean) ?? "";
  if (searchParams.get("recursive") === "true")
    return alt === "text"
      ? plain(recursiveText(tree))
      : plain(recursiveJson(tree, name), "application/json");
  if (!isDirectory(tree))
    return alt === "json"
      ? plain(recursiveJson(tree, name), "application/json")
      : plain(leafText(tree));
  if (!pathname.endsWith("/"))
    return {
      status: 301,
      headers: { ...BASE_HEADERS, location: `${pathname}/` },
      body: `${pathname}/`,
    };
  return plain(directoryText(tree));
}

const etagOf = (body: string): string =>
  createHash("sha256").update(body).digest("hex").slice(0, 16);

function token(state: GceState, instance: Instance): Answer {
  const seconds = state.options.tokenSeconds;
  const token = state.identity.issue(instance.scopes, seconds);
  const body = { access_token: token, expires_in: seconds, token_type: "Bearer" };
  return plain(JSON.stringify(body), "application/json");
}

/** Resolves when what the caller asked for is other than it knows, or its time is over, or the server closes. */
async function changed(
  state: GceState,
  exchange: Exchange,
  instanceOf: (exchange: Exchange) => Instance,
  signal: AbortSignal,
): Promise<void> {
  const { pathname, searchParams } = exchange.url;
  const path = pathname.slice(METADATA_PREFIX.length).split("/").filter(Boolean);
  const current = () =>
    etagOf(
      render(pathname, searchParams, lookUp(metadataTree(state, instanceOf(exchange)), path)).body,
    );
  const known = searchParams.get("last_etag") ?? current();
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    if (current() !== known) resolve();
  };
  const end = state.changes.onChange(done);
  done();
  const seconds = Number(searchParams.get("timeout_sec") ?? MAX_WAIT_SECONDS);
  const timer = setTimeout(resolve, Math.min(seconds, MAX_WAIT_SECONDS) * 1_000);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
  end();
}
