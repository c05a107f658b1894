// The MTU that a bridge over given interfaces can have.

import { expect, test } from "vitest";
import { smallestMtu } from "#broker/linux/mtu.ts";

test("is never more than a bridge can have, the smallest of all, and usual where nothing is known", async () => {
  expect(await smallestMtu(["lo"])).toBe(65_535);
  expect(await smallestMtu(["lo", "no-such-nic"])).toBe(1_500);
  expect(await smallestMtu([])).toBe(1_500);
  expect(await smallestMtu([""])).toBe(1_500);
});
