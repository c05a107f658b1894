// Lists of the API: pages, and the part of the filter language that names a field and a value.

import type { Answer, Exchange } from "#test/clouds/shared/http-server.ts";
import { invalid, json } from "./errors.ts";
import { operationJson } from "./operation.ts";
import { instanceJson, serviceAccount } from "./resource-json.ts";
import type { GceState } from "./state.ts";

type Item = Readonly<Record<string, unknown>>;

/** Values of `maxResults`: 0 to 500, 500 when absent. */
const MAX_RESULTS = 500;

/** `field = "value"` or `field eq value`, joined by AND. */
function filterOf({ url }: Exchange): (item: Item) => boolean {
  const filter = url.searchParams.get("filter") ?? "";
  if (filter === "") return () => true;
  const terms = filter.split(/\s+AND\s+/).map((term) => {
    const match = /^\(?\s*(\w+)\s*(?:=|\s+eq\s+)\s*"?([^"()]*?)"?\s*\)?$/.exec(term);
    if (match === null) throw invalid("filter", filter, "Invalid list filter expression.");
    return { field: match[1] ?? "", value: match[2] ?? "" };
  });
  return (item) => terms.every(({ field, value }) => String(item[field]) === value);
}

function page(exchange: Exchange, items: readonly Item[]) {
  const { searchParams } = exchange.url;
  const size = Number(searchParams.get("maxResults") ?? MAX_RESULTS);
  if (!Number.isInteger(size) || size < 1 || size > MAX_RESULTS)
    throw invalid("maxResults", String(size), `Must be in the range of 1 to ${MAX_RESULTS}.`);
  const token = searchParams.get("pageToken") ?? "";
  const start = Number(Buffer.from(token, "base64url").toString() || 0);
  if (!Number.isInteger(start)) throw invalid("pageToken", token, "The page token is invalid.");
  const matching = items.filter(filterOf(exchange));
  const end = start + size;
  return {
    items: matching.slice(start, end),
    ...(end < matching.length
      ? { nextPageToken: Buffer.from(String(end)).toString("base64url") }
      : {}),
  };
}

export function listOperations(
  state: GceState,
  exchange: Exchange,
  { path }: { readonly path: string },
): Answer {
  const scope = path.replace(/\/operations$/, "");
  const user = serviceAccount(state.resources);
  const all = state.operations.list(scope).map((operation) => operationJson(operation, user));
  const { items, ...rest } = page(exchange, all);
  return json({
    kind: "compute#operationList",
    id: path,
    ...(items.length === 0 ? {} : { items }),
    ...rest,
  });
}

/** Items by zone; a zone without any on this page carries a warning. */
export function listInstances(
  { resources }: GceState,
  exchange: Exchange,
  { path }: { readonly path: string },
): Answer {
  const all = resources.instances.map((instance) => instanceJson(resources, instance));
  const { items, ...rest } = page(exchange, all);
  const zones = resources.scenario.zones.map((zone) => {
    const instances = items.filter((item) => String(item["zone"]).endsWith(`/zones/${zone}`));
    const scope = `zones/${zone}`;
    const warning = {
      code: "NO_RESULTS_ON_PAGE",
      message: `There are no results for scope '${scope}' on this page.`,
      data: [{ key: "scope", value: scope }],
    };
    return [scope, instances.length === 0 ? { warning } : { instances }] as const;
  });
  return json({
    kind: "compute#instanceAggregatedList",
    id: path,
    items: Object.fromEntries(zones),
    ...rest,
  });
}
