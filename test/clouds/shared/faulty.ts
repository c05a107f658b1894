// Serves a fake cloud's calls: names each, writes it to the log, and makes those go wrong that are planned to.

import type { CallLog, LoggedCall, NamedCall } from "./call-log.ts";
import type { FaultKind, FaultPlan } from "./fault-plan.ts";
import type { Answer, Exchange, Handler, Silence } from "./http-server.ts";

/** What a cloud has of its own. */
export interface Cloud {
  /** Names a request without changing anything. */
  name(exchange: Exchange): NamedCall;
  /** Serves a request; may fill `call.unexpected`. */
  serve(exchange: Exchange, call: LoggedCall, signal: AbortSignal): Answer | Promise<Answer>;
  /** The documented answers for three kinds of faults. */
  failure(call: LoggedCall): Answer;
  throttled(call: LoggedCall): Answer;
  denied(call: LoggedCall): Answer;
}

const HTML = { "content-type": "text/html; charset=UTF-8" };
const PAGE =
  "<!DOCTYPE html>\n<html><head><title>502 Server Error</title></head>\n<body><h1>Error: Server Error</h1>\n<h2>The server encountered a temporary error and could not complete your request.</h2></body></html>\n";

export function faultyHandler(
  cloud: Cloud,
  plan: FaultPlan,
  log: CallLog,
  now: () => number,
): Handler {
  return async (exchange, signal) => {
    const call = log.begin(cloud.name(exchange), now());
    const fault = plan.take(call.action, call.mutating);
    const answer = await answerTo(cloud, exchange, call, fault, signal);
    if (typeof answer !== "string") call.status = answer.status;
    call.outcome = fault ?? (typeof answer !== "string" && answer.status < 300 ? "ok" : "error");
    return answer;
  };
}

async function answerTo(
  cloud: Cloud,
  exchange: Exchange,
  call: LoggedCall,
  fault: FaultKind | undefined,
  signal: AbortSignal,
): Promise<Answer | Silence> {
  switch (fault) {
    case "fail-before":
      return cloud.failure(call);
    case "throttle":
      return cloud.throttled(call);
    case "denied":
      return cloud.denied(call);
    case "hang":
    case "reset":
      return fault;
    case "garbage":
      return { status: 502, headers: HTML, body: PAGE };
    case undefined:
      return cloud.serve(exchange, call, signal);
    case "lost-after":
    case "hang-after":
    case "garbage-after":
    case "truncated": {
      const answer = await cloud.serve(exchange, call, signal);
      if (fault === "lost-after") return "reset";
      if (fault === "hang-after") return "hang";
      if (fault === "garbage-after") return { status: 200, headers: HTML, body: PAGE };
      return { ...answer, body: answer.body.slice(0, Math.floor(answer.body.length / 2)) };
    }
    default:
      return fault satisfies never;
  }
}
