// POST /v1/fsck: what is asked reaches the handler, and what makes no sense is refused.

import { once } from "node:events";
import { createServer } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createApiClient } from "#broker/api/client.ts";
import { fakeBroker } from "./fake-handlers.ts";
import { askSocket } from "#test/netns/broker.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";

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

test("a broker of before is told apart from one that is broken", async () => {
  await using folder = await temporaryFolder();
  const socket = join(folder.path, "broker.sock");
  const server = createServer((_request, response) => response.writeHead(404).end("{}"));
  await once(server.listen(socket), "listening");
  try {
    await expect(createApiClient(socket).fsck(false)).rejects.toMatchObject({
      code: "unsupported-version",
    });
  } finally {
    server.close();
  }
});
