// The Compute Engine API over HTTP: paths, tokens, permissions, quota, and the methods behind them.

import type { LoggedCall, NamedCall } from "#test/clouds/shared/call-log.ts";
import type { Cloud } from "#test/clouds/shared/faulty.ts";
import type { Answer, Exchange } from "#test/clouds/shared/http-server.ts";
import {
  GceError,
  forbidden,
  rateLimitExceeded,
  serverFailure,
  tooManyRequests,
} from "./errors.ts";
import { type Match, type Method, methods } from "./methods.ts";
import { checkQuery, requestIdOf } from "./request.ts";
import { operationAnswer } from "./operation.ts";
import { serviceAccount } from "./resource-json.ts";
import type { GceState } from "./state.ts";

const PREFIX = "/compute/v1/";

const patterns = methods.map((method) => ({
  method,
  pattern: new RegExp(
    `^${method.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => `(?<${name}>[^/]+)`)}$`,
  ),
}));

function find(exchange: Exchange): (Match & { readonly method: Method }) | undefined {
  const { pathname } = exchange.url;
  if (!pathname.startsWith(PREFIX)) return undefined;
  const path = decodeURIComponent(pathname.slice(PREFIX.length));
  for (const { method, pattern } of patterns) {
    const groups = method.verb === exchange.method ? pattern.exec(path)?.groups : undefined;
    if (groups !== undefined) return { method, path, parts: { ...groups } };
  }
  return undefined;
}

const bodyOrText = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
};

const htmlNotFound = (pathname: string): Answer => ({
  status: 404,
  headers: { "content-type": "text/html; charset=UTF-8" },
  body: `<!DOCTYPE html>\n<html lang=en>\n  <title>Error 404 (Not Found)!!1</title>\n  <p><b>404.</b> <ins>That’s an error.</ins>\n  <p>The requested URL <code>${pathname.replaceAll(/[<&]/g, "?")}</code> was not found on this server.  <ins>That’s all we know.</ins>\n`,
});

/** The service's own name of a method, for example `compute.v1.InstancesService.Get`. */
const serviceMethod = (action: string): string =>
  `compute.v1.${action.replace(/^(.)/, (letter) => letter.toUpperCase()).replace(/\.(.)/, (_, letter: string) => `Service.${letter.toUpperCase()}`)}`;

export function computeApi(state: GceState): Cloud {
  const projectNumber = () => state.initial.projectNumber;
  const throttled = () =>
    state.options.throttle === "429"
      ? tooManyRequests(state.options.retryAfterSeconds)
      : rateLimitExceeded(projectNumber());
  return {
    name(exchange): NamedCall {
      const found = find(exchange);
      const params = {
        ...found?.parts,
        ...Object.fromEntries(exchange.url.searchParams),
        ...(exchange.body === "" ? {} : { body: bodyOrText(exchange.body) }),
      };
      return {
        action: found?.method.action ?? "unknown",
        mutating: found?.method.mutating ?? exchange.method !== "GET",
        params: found === undefined ? { ...params, url: exchange.url.pathname } : params,
        ...(found === undefined
          ? { unexpected: `there is no ${exchange.method} ${exchange.url.pathname}` }
          : {}),
      };
    },
    async serve(exchange, call) {
      const found = find(exchange);
      if (found === undefined) return htmlNotFound(exchange.url.pathname);
      try {
        if (!state.rate.take(state.clock.now(), state.options.requestsPerMinute)) throw throttled();
        return answer(state, exchange, found);
      } catch (thrown) {
        return refusal(thrown, call);
      }
    },
    failure: () => serverFailure(state.options.failure === "500" ? 500 : 503).answer,
    throttled: () => throttled().answer,
    denied(call) {
      const method = methods.find(({ action }) => action === call.action);
      return forbidden(method?.permission ?? "compute.projects.get", resourceOf(call)).answer;
    },
  };
}

const resourceOf = ({ params }: LoggedCall): string =>
  ["project", "zone", "region", "instance", "subnetwork", "operation"]
    .filter((name) => typeof params[name] === "string")
    .map((name) => `${name}s/${String(params[name])}`)
    .join("/");

function refusal(thrown: unknown, call: LoggedCall): Answer {
  if (!(thrown instanceof GceError)) throw thrown;
  if (thrown.unexpected) call.unexpected = thrown.message;
  return thrown.answer;
}

function answer(
  state: GceState,
  exchange: Exchange,
  { method, path, parts }: Match & { readonly method: Method },
): Answer {
  const { identity, resources, operations } = state;
  const reading = !method.mutating;
  identity.authenticate(exchange.headers["authorization"], serviceMethod(method.action), reading);
  checkQuery(exchange, method.query);
  const { project = "", zone, region } = parts;
  resources.checkProject(project);
  if (zone !== undefined) resources.checkZone(zone);
  if (region !== undefined) resources.checkRegion(region);
  operations.advance();
  const resource = path.replace(/\/(updateNetworkInterface|testIamPermissions|wait)$/, "");
  if (method.permission !== undefined) identity.authorize(method.permission, resource);
  if (method.mutating) {
    // A request ID that was seen before answers with what it began, whatever the request says now.
    const requestId = requestIdOf(exchange);
    const replayed = operations.replayed(requestId);
    if (replayed !== undefined) return operationAnswer(replayed, serviceAccount(resources));
  }
  return method.serve(state, exchange, { path: resource, parts });
}
