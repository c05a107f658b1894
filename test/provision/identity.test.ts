// The machine's identity where the cloud is named: a metadata server that is late is asked again, one that is silent is an error.

import { expect, test } from "vitest";
import { requireIdentity } from "#provision/clouds.ts";

const signal = new AbortController().signal;

/** A metadata server whose answer comes with that many questions. */
function cloudAnswering(nth: number) {
  let asked = 0;
  const detect = () => Promise.resolve(++asked >= nth ? { instance: "i-1" } : undefined);
  return { platform: "gke", access: { detect }, asked: () => asked } as const;
}

test.each([1, 2, 3])("an answer to question %i counts, and none is asked after it", async (nth) => {
  const cloud = cloudAnswering(nth);
  expect(await requireIdentity(cloud, signal)).toEqual({ instance: "i-1" });
  expect(cloud.asked()).toBe(nth);
});

test("three questions without an answer are an error with the next step", async () => {
  const cloud = cloudAnswering(4);
  await expect(requireIdentity(cloud, signal)).rejects.toMatchObject({
    code: "cloud-unavailable",
    hint: expect.stringContaining("--platform"),
  });
  expect(cloud.asked()).toBe(3);
});

test("an interruption ends the questions", async () => {
  const cloud = cloudAnswering(4);
  const interrupted = AbortSignal.abort(new Error("interrupted"));
  await expect(requireIdentity(cloud, interrupted)).rejects.toThrow("interrupted");
  expect(cloud.asked()).toBe(1);
});
