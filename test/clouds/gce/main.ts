// The fake cloud as a process of its own, for network namespaces; prints one JSON line when it serves, ends with SIGTERM.

import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import type { Place } from "#test/clouds/shared/http-server.ts";
import { FakeGce } from "./fake-gce.ts";
import { type Scenario, gkeScenario } from "./scenario.ts";

const USAGE =
  "main.ts [--listen HOST:PORT] [--api HOST:PORT] [--metadata INSTANCE=HOST:PORT]… [--control SOCKET] [--state SCENARIO.json]";

const { values } = parseArgs({
  options: {
    listen: { type: "string", multiple: true, default: [] },
    api: { type: "string", multiple: true, default: [] },
    metadata: { type: "string", multiple: true, default: [] },
    control: { type: "string" },
    state: { type: "string" },
  },
});

function placeOf(text: string): Place {
  const match = /^(.*):(\d+)$/.exec(text);
  if (match === null) throw new TypeError(`${text} is not HOST:PORT; usage: ${USAGE}`);
  return { host: match[1] ?? "", port: Number(match[2]) };
}

/** The file's keys replace those of the default scenario, which is two GKE nodes. */
async function scenario(path: string | undefined): Promise<Scenario> {
  if (path === undefined) return gkeScenario();
  return gkeScenario(JSON.parse(await readFile(path, "utf8")) as Partial<Scenario>);
}

const ended = Promise.withResolvers<void>();
process.once("SIGTERM", () => ended.resolve());
process.once("SIGINT", () => ended.resolve());

await using gce = new FakeGce(await scenario(values.state));
const all = await Promise.all(values.listen.map((at) => gce.startAll(placeOf(at))));
const api = await Promise.all(values.api.map((at) => gce.startApi(placeOf(at))));
const metadata = await Promise.all(
  values.metadata.map((entry) => {
    const [instance = "", at = ""] = entry.split("=");
    return gce.startMetadata(instance, placeOf(at));
  }),
);
if (values.control !== undefined) await gce.startControl(values.control);
const urls = (servers: readonly { readonly url: string }[]) => servers.map(({ url }) => url);
console.log(JSON.stringify({ listen: urls(all), api: urls(api), metadata: urls(metadata) }));
await ended.promise;
