// The order of plugin calls by their stamps, within a boot and across boots.

import { describe, expect, it } from "vitest";
import { DAY, HOUR, MINUTE, SECOND, type Stamp, isOlder } from "#core/time.ts";

const stamp = (bootId: string, boottime: string): Stamp => ({ bootId, boottime });

describe("isOlder, while boot `now` runs", () => {
  it.each<[string, Stamp, Stamp, boolean]>([
    ["earlier in one boot", stamp("now", "9"), stamp("now", "10"), true],
    ["later in one boot", stamp("now", "10"), stamp("now", "9"), false],
    ["at the same moment", stamp("now", "10"), stamp("now", "10"), false],
    [
      "apart by less than a double can tell",
      stamp("now", "9007199254740992"),
      stamp("now", "9007199254740993"),
      true,
    ],
    ["a past boot before the current one", stamp("past", "99"), stamp("now", "1"), true],
    ["the current boot after a past one", stamp("now", "1"), stamp("past", "99"), false],
    ["two past boots", stamp("past", "1"), stamp("older", "2"), true],
    ["two past boots, the other way round", stamp("older", "2"), stamp("past", "1"), true],
    ["within one past boot", stamp("past", "2"), stamp("past", "1"), false],
  ])("%s", (_name, one, other, expected) => {
    expect(isOlder(one, other, "now")).toBe(expected);
  });
});

it("measures in milliseconds", () => {
  expect([SECOND, MINUTE, HOUR, DAY]).toEqual([1e3, 6e4, 36e5, 864e5]);
});
