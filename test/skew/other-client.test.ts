// This release's broker with commands and plugins of another: recorded requests, and those of one two minor versions on.

import { expect, test } from "vitest";
import { makeFaultNode } from "#test/faults/fault-node.ts";
import { askSocket } from "#test/netns/broker.ts";
import { type Exchange, type Json, RELEASES, missingFrom, recorded, twoMinorsOn } from "./wire.ts";

const POOL = {
  platform: "local",
  nodeName: "node-1",
  subnet: "10.207.64.0/24",
  gateway: "10.207.64.1",
  primaryNIC: "uplink0",
  secondaryNICs: [],
  dnsServers: ["10.207.64.1"],
  updatedAt: "2026-01-01T00:00:00Z",
};

/** A body of a later release; what a runtime or an operator put in it is not that release's to change. */
const later = (body: Json): Json => {
  const changed = twoMinorsOn(body);
  if (typeof changed !== "object" || changed === null || Array.isArray(changed)) return changed;
  const { env } = changed;
  const environment =
    typeof env === "object" && env !== null && !Array.isArray(env)
      ? { env: { ...env, later: "unknown", CNI_LATER: "unknown" } }
      : {};
  return { ...changed, ...environment, ...("version" in changed ? { version: "0.3.0" } : {}) };
};

const clients = RELEASES.flatMap((release) => [
  { name: release, exchanges: recorded(release), change: (body: Json) => body },
  { name: `two minor versions after ${release}`, exchanges: recorded(release), change: later },
]);

test.each(clients)("serves clients of $name as they were served", async (client) => {
  await using node = await makeFaultNode({ pool: POOL });
  for (const exchange of client.exchanges) {
    const { name, request } = exchange;
    const { method, path } = request;
    const body = request.body === undefined ? undefined : client.change(request.body);
    const answer = await askSocket(node.broker.paths.socket, method, path, body);
    const now = { status: answer.status, body: answer.body as Json };
    expect({ name, differences: differences(now, exchange) }).toEqual({ name, differences: [] });
  }
});

/** A CNI answer must be the very same; of the others every field that was there, with the type it had. */
function differences(now: Exchange["answer"], { request, answer }: Exchange): readonly string[] {
  if (now.status !== answer.status)
    return [`status ${now.status}, was ${answer.status}: ${JSON.stringify(now.body)}`];
  if (request.path === "/v1/cni" && JSON.stringify(now.body) !== JSON.stringify(answer.body))
    return [`${JSON.stringify(now.body)}, was ${JSON.stringify(answer.body)}`];
  return missingFrom(now.body, answer.body);
}
