// Runs the fake of Volcengine as its own process: inside a network namespace, driven by its control socket.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { FakeVolcengine } from "./fake.ts";
import { type ScenarioInput, parseScenario } from "./scenario.ts";

/** `host:port`. */
function placeOf(text: string): [host: string, port: number] {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  if (match === null) throw new Error(`${text} is not host:port`);
  return [match[1] ?? "", Number(match[2])];
}

const { values } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:0" },
    /** Once for each instance: `i-1=100.96.0.96:80`. */
    metadata: { type: "string", multiple: true, default: [] },
    control: { type: "string" },
    state: { type: "string" },
  },
});
if (values.state === undefined || values.control === undefined)
  throw new Error(
    "usage: main.ts --state SCENARIO.json --control SOCKET [--listen HOST:PORT] [--metadata INSTANCE=HOST:PORT]...",
  );

const scenario: ScenarioInput = parseScenario(JSON.parse(readFileSync(values.state, "utf8")));
await using open = new AsyncDisposableStack();
const fake = new FakeVolcengine(scenario);
const api = open.use(await fake.listen(...placeOf(values.listen)));
const metadata: Record<string, string> = {};
for (const entry of values.metadata) {
  const [instance = "", place = ""] = entry.split("=");
  metadata[instance] = open.use(await fake.listenMetadata(instance, ...placeOf(place))).url;
}
open.use(await fake.control(values.control));
// One line once all is open: whoever started this waits for it.
process.stdout.write(`${JSON.stringify({ api: api.url, metadata, control: values.control })}\n`);

const ended = Promise.withResolvers<void>();
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => ended.resolve());
await ended.promise;
