// What the API answers, out of the broker's parts.

import { type Ip } from "#core/address.ts";
import { decideForget } from "#core/detach.ts";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import { describeOwner } from "#core/lease.ts";
import type { Pool } from "#core/range.ts";
import type { Verb } from "#core/effects.ts";
import type { StatusAnswer } from "#broker/api/contract.ts";
import type { ApiHandlers } from "#broker/api/handlers.ts";
import type { Cni } from "#broker/cni/verbs.ts";
import type { Effects } from "./effects.ts";
import type { Fsck } from "./fsck.ts";
import type { Leasing } from "./leasing.ts";
import type { Telemetry } from "./telemetry.ts";
import { addressView, leaseViews, poolView } from "./views.ts";

export interface ApiHandlersOptions {
  readonly leasing: Leasing;
  readonly effects: Effects;
  readonly cni: Cni;
  readonly pool: Pool;
  readonly telemetry: Telemetry;
  /** Why ADDs are not answered now; undefined while they are. */
  readonly notServing: () => string | undefined;
  /** Why the start is not over; undefined when it is. */
  readonly notReady: () => string | undefined;
  readonly routeStands: (ip: Ip) => Promise<boolean>;
  readonly fsck: Fsck;
  /** What status shows beside pools and serving: told by the composition. */
  readonly report: () => Omit<StatusAnswer, "serving" | "notServing" | "pool" | "pools">;
}

/** Verbs a plugin may name; anything else is counted as one. */
const cniVerbs: readonly string[] = ["ADD", "DEL", "CHECK", "GC", "STATUS"];

export function createApiHandlers(options: ApiHandlersOptions): ApiHandlers {
  const { leasing, cni, pool, telemetry } = options;
  const health = () => {
    const reason = options.notReady();
    return reason === undefined ? { ok: true } : { ok: false, reason };
  };
  return {
    cni: (body, send) => answerCni(options, body, send),
    cniConfirm: (token) => cni.confirm(token),
    status() {
      const reason = options.notServing();
      const view = poolView(leasing.ledger, pool);
      return {
        ...options.report(),
        serving: reason === undefined,
        ...(reason === undefined ? {} : { notServing: reason }),
        pool: view,
        pools: [view],
      };
    },
    leases: () => leaseViews(leasing.ledger, pool),
    async address(ip) {
      const lease = leasing.ledger.lease(ip);
      const present = await options.routeStands(ip);
      return {
        ...addressView(leasing.ledger, pool, ip),
        route: { present, expected: lease?.state === "leased" && lease.routed },
        ...(lease?.mac === undefined ? {} : { neighbour: { mac: lease.mac } }),
        history: [...telemetry.recent(ip)],
      };
    },
    async forgetLease(ip, sequence, send) {
      const answer = await forget(leasing, ip, sequence);
      await options.effects.reply(["FORGET"], () => send(answer));
    },
    subscribe: (listener) => ({
      recent: telemetry.recent(),
      end: telemetry.subscribe(listener),
    }),
    fsck: options.fsck,
    health: () => ({ ok: true }),
    ready: health,
    metrics: () => telemetry.metrics(),
  };
}

async function answerCni(
  { cni, effects, telemetry }: ApiHandlersOptions,
  body: unknown,
  send: Parameters<ApiHandlers["cni"]>[1],
): Promise<void> {
  const verb = verbOf(body);
  const begun = performance.now();
  try {
    const answer = await cni.handle(body);
    const seconds = (performance.now() - begun) / 1_000;
    telemetry.meters.cniCall(verb, answer.exitCode === 0 ? "ok" : codeOf(answer.stdout), seconds);
    await effects.reply([verb], () => send(answer));
  } catch (thrown) {
    const seconds = (performance.now() - begun) / 1_000;
    telemetry.meters.cniCall(verb, toBrokerError(thrown).code, seconds);
    throw thrown;
  }
}

function verbOf(body: unknown): Verb {
  const env = (body as { env?: { CNI_COMMAND?: unknown } } | null | undefined)?.env;
  const command = env?.CNI_COMMAND;
  return typeof command === "string" && cniVerbs.includes(command) ? (command as Verb) : "STATUS";
}

/** The CNI code of an error answer, as a label. */
function codeOf(stdout: string): string {
  const parsed: unknown = JSON.parse(stdout);
  const code = (parsed as { code?: unknown }).code;
  return typeof code === "number" ? String(code) : "unknown";
}

async function forget(leasing: Leasing, ip: Ip, sequence: number | undefined) {
  const lease = leasing.ledger.lease(ip);
  if (lease === undefined) {
    throw new BrokerError("unknown-lease", `nobody holds ${ip}: nothing was released`, {
      hint: `cocoon-net why ${ip} tells its state`,
    });
  }
  const { released } = await leasing.submit("FORGET", (ledger, moment) =>
    decideForget(ledger, { ip, sequence: sequence ?? lease.sequence, reason: "forgotten" }, moment),
  );
  return { ip, released: released.length > 0, owner: describeOwner(lease.owner) };
}
