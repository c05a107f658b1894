// The Unix socket by which a fake cloud in its own process is driven: its calls, faults, state, audit and changes.

import type { CallLog } from "./call-log.ts";
import type { ChangeFeed } from "./change-feed.ts";
import { type FaultPlan, parseFault } from "./fault-plan.ts";
import { type Answer, type Exchange, type HttpServer, startHttpServer } from "./http-server.ts";

/** What a fake offers to its control socket. */
export interface Controlled {
  readonly log: CallLog;
  readonly faults: FaultPlan;
  readonly changes: Pick<ChangeFeed<unknown>, "after">;
  /** The whole state as JSON, for a look at it. */
  state(): unknown;
  /** What differs from the scenario it began with. */
  audit(): unknown;
  /** Something that happens to the cloud without the caller; throws with what is wrong in the request. */
  change(request: unknown): unknown;
}

/** The longest that `GET /changes?wait=` waits, in seconds. */
const MAX_WAIT_SECONDS = 60;

const json = (body: unknown, status = 200): Answer => ({
  status,
  headers: { "content-type": "application/json" },
  body: `${JSON.stringify(body)}\n`,
});

/**
 * - `GET /calls` → `{calls, counts, unexpected}`; `DELETE /calls` forgets them
 * - `GET /faults` → what has not happened yet; `POST /faults` (a fault or a list) adds; `DELETE /faults` forgets
 * - `GET /state`, `GET /audit`
 * - `POST /state-change`: what the fake's `change` takes
 * - `GET /changes?after=N&wait=SECONDS` → `[{number, change}]`, at once when there are any
 */
export const startControl = (path: string, fake: Controlled): Promise<HttpServer> =>
  startHttpServer({ path }, async (exchange) => {
    try {
      return await answer(exchange, fake);
    } catch (thrown) {
      return json({ error: thrown instanceof Error ? thrown.message : String(thrown) }, 400);
    }
  });

async function answer(exchange: Exchange, fake: Controlled): Promise<Answer> {
  const { log, faults } = fake;
  switch (`${exchange.method} ${exchange.url.pathname}`) {
    case "GET /calls":
      return json({ calls: log.calls, counts: log.counts(), unexpected: log.unexpected });
    case "DELETE /calls":
      log.clear();
      return json({});
    case "GET /faults":
      return json(faults.pending);
    case "POST /faults": {
      const given: unknown = JSON.parse(exchange.body);
      faults.plan(...(Array.isArray(given) ? given : [given]).map(parseFault));
      return json(faults.pending);
    }
    case "DELETE /faults":
      faults.clear();
      return json([]);
    case "GET /state":
      return json(fake.state());
    case "GET /audit":
      return json(fake.audit());
    case "POST /state-change":
      return json(fake.change(JSON.parse(exchange.body)) ?? {});
    case "GET /changes": {
      const number = (name: string) => Number(exchange.url.searchParams.get(name) ?? 0);
      const seconds = Math.min(number("wait"), MAX_WAIT_SECONDS);
      return json(await fake.changes.after(number("after"), seconds * 1_000));
    }
    default:
      return json({ error: `there is no ${exchange.method} ${exchange.url.pathname} here` }, 404);
  }
}
