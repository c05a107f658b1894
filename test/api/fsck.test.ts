// POST /v1/fsck: what is asked reaches the handler, and what makes no sense is refused.

import { expect, test } from "vitest";
import { createApiClient } from "#broker/api/client.ts";
import { fakeBroker } from "./fake-handlers.ts";
import { askSocket } from "#test/netns/broker.ts";

test("the client's question and answer", async () => {
  await using broker = await fakeBroker();
  for (const repair of [true, false])
    expect(await createApiClient(broker.socket).fsck(repair)).toMatchObject({ repair, total: 0 });
});

test.each([
  [{}, 200],
  [{ repair: true }, 200],
  [{ repair: "yes" }, 400],
  [[], 400],
  ["repair", 400],
])("of the body %j is %i", async (body, status) => {
  await using broker = await fakeBroker();
  const answer = await askSocket(broker.socket, "POST", "/v1/fsck", body);
  expect(answer.status).toBe(status);
  if (status === 400) expect(answer.body).toMatchObject({ code: "invalid-request" });
});

test("asked with GET it is refused", async () => {
  await using broker = await fakeBroker();
  expect((await askSocket(broker.socket, "GET", "/v1/fsck")).status).toBe(405);
});
