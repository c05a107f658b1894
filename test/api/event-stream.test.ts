// Event streams: replay and what follows, a reader that takes nothing, and too many readers.

import { once } from "node:events";
import { expect, test } from "vitest";
import { createApiClient } from "#broker/api/client.ts";
import { MAX_EVENT_READERS, MAX_WAITING_EVENTS } from "#broker/api/event-stream.ts";
import { fakeBroker, lease } from "./fake-handlers.ts";
import { connect, request } from "./raw-client.ts";

const event = (number: number, padding = "") => ({
  at: number,
  event: "lease.freed",
  ip: lease.ip,
  padding,
});

test("recent events come first, then those that happen", async () => {
  await using broker = await fakeBroker();
  const controller = new AbortController();
  const events = createApiClient(broker.socket).events({ replay: true, signal: controller.signal });
  expect((await events.next()).value).toMatchObject({ event: "lease.bound", ip: lease.ip });
  broker.emit(event(1));
  broker.emit(event(2));
  expect((await events.next()).value).toMatchObject({ at: 1 });
  expect((await events.next()).value).toMatchObject({ at: 2 });
  controller.abort();
  await expect(events.next()).rejects.toThrow();
  await expect.poll(broker.readers).toBe(0);
});

test("a reader gets all recent events however many they are, then those that came meanwhile", async () => {
  await using broker = await fakeBroker();
  const count = MAX_WAITING_EVENTS * 4;
  for (let number = 1; number < count; number++) broker.recent.push(event(number, "x".repeat(512)));
  const controller = new AbortController();
  const events = createApiClient(broker.socket).events({ replay: true, signal: controller.signal });
  await events.next();
  broker.emit(event(count));
  for (let number = 1; number <= count; number++)
    expect((await events.next()).value).toMatchObject({ at: number });
  controller.abort();
});

test("who asks for the recent ones alone is given all of them, and then the end", async () => {
  await using broker = await fakeBroker();
  for (let number = 1; number < 3_000; number++) broker.recent.push(event(number));
  const asked = { replay: true, recentOnly: true, signal: new AbortController().signal };
  let count = 0;
  for await (const _ of createApiClient(broker.socket).events(asked)) count++;
  expect(count).toBe(3_000);
  await expect.poll(broker.readers).toBe(0);
});

test("a reader that takes nothing is dropped, another one is served on", async () => {
  await using broker = await fakeBroker();
  const controller = new AbortController();
  const quick = createApiClient(broker.socket).events({ replay: true, signal: controller.signal });
  await quick.next();
  const slow = await connect(broker.socket);
  slow.on("error", () => slow.destroy());
  slow.pause();
  slow.write(request("GET", "/v1/events?replay=0"));
  await expect.poll(broker.readers).toBe(2);
  // The kernel's buffers and the queue together hold less than this.
  const padding = "x".repeat(4_096);
  let taken = 0;
  for (let number = 0; number < MAX_WAITING_EVENTS * 4 && broker.readers() === 2; number++) {
    broker.emit(event(number, padding));
    expect((await quick.next()).value).toMatchObject({ at: number });
    taken++;
  }
  expect(taken).toBeGreaterThan(MAX_WAITING_EVENTS);
  expect(broker.readers()).toBe(1);
  slow.resume();
  if (!slow.closed) await once(slow, "close");
  broker.emit(event(-1));
  expect((await quick.next()).value).toMatchObject({ at: -1 });
  controller.abort();
});

test("one reader too many is refused until another leaves", async () => {
  await using broker = await fakeBroker();
  const controller = new AbortController();
  const client = createApiClient(broker.socket);
  const readers = Array.from({ length: MAX_EVENT_READERS }, () =>
    client.events({ replay: true, signal: controller.signal }),
  );
  for (const reader of readers) await reader.next();
  await expect(
    client.events({ replay: true, signal: controller.signal }).next(),
  ).rejects.toMatchObject({ code: "overloaded" });
  controller.abort();
  await expect.poll(broker.readers).toBe(0);
  const last = new AbortController();
  expect((await client.events({ replay: true, signal: last.signal }).next()).value).toMatchObject({
    event: "lease.bound",
  });
  last.abort();
});
