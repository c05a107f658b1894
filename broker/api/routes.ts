// The one table of what the API answers to: method, path, and the name of the handler.

export const routes = [
  { method: "POST", path: "/v1/cni", name: "cni" },
  { method: "POST", path: "/v1/cni/confirm", name: "cniConfirm" },
  { method: "GET", path: "/v1/status", name: "status" },
  { method: "GET", path: "/v1/leases", name: "leases" },
  { method: "GET", path: "/v1/leases/{ip}", name: "address" },
  { method: "DELETE", path: "/v1/leases/{ip}", name: "forgetLease" },
  { method: "GET", path: "/v1/events", name: "events" },
  { method: "POST", path: "/v1/fsck", name: "fsck" },
  { method: "GET", path: "/healthz", name: "health" },
  { method: "GET", path: "/readyz", name: "ready" },
  { method: "GET", path: "/metrics", name: "metrics" },
] as const;

export type RouteName = (typeof routes)[number]["name"];

export type RouteMatch =
  | {
      readonly kind: "found";
      readonly name: RouteName;
      readonly argument: string;
      readonly query: URLSearchParams;
    }
  | { readonly kind: "wrong-method"; readonly allowed: readonly string[] }
  | { readonly kind: "unknown" };

/** Longest request target that is looked at. */
const MAX_TARGET_LENGTH = 512;

/** Finds the route of a request target such as `/v1/leases/10.0.0.5?sequence=7`. Total: any text has an answer. */
export function findRoute(method: string, target: string): RouteMatch {
  if (target.length > MAX_TARGET_LENGTH) return { kind: "unknown" };
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const allowed: string[] = [];
  for (const route of routes) {
    const argument = argumentOf(route.path, path);
    if (argument === undefined) continue;
    if (route.method === method)
      return {
        kind: "found",
        name: route.name,
        argument,
        query: new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1)),
      };
    allowed.push(route.method);
  }
  return allowed.length > 0 ? { kind: "wrong-method", allowed } : { kind: "unknown" };
}

/** What stands in the place of `{ip}`; empty for a path without one; undefined when the path is another. */
function argumentOf(pattern: string, path: string): string | undefined {
  const brace = pattern.indexOf("{");
  if (brace < 0) return pattern === path ? "" : undefined;
  const argument = path.slice(brace);
  if (!path.startsWith(pattern.slice(0, brace)) || argument === "" || argument.includes("/"))
    return undefined;
  try {
    return decodeURIComponent(argument);
  } catch {
    // A stray percent sign: the handler's parser will refuse the text as it stands.
    return argument;
  }
}
