// Answers of the API: what of them is kept, and what is refused.

import { describe, expect, it } from "vitest";
import { answers, parseAnswer, subnetworkReference } from "#provision/gke/resources.ts";

const instance = (change: object) => ({
  id: "7",
  name: "node-1",
  networkInterfaces: [{ name: "nic0" }],
  ...change,
});

describe("entries of lists that are sent back whole", () => {
  it("keep keys that nobody here knows", () => {
    const alias = { ipCidrRange: "10.0.0.0/24", invented: { later: true } };
    const range = { rangeName: "a", ipCidrRange: "10.0.0.0/16", reservedInternalRange: "//x" };
    const nic = { name: "nic0", aliasIpRanges: [alias] };
    expect(
      parseAnswer("c", answers.instance, instance({ networkInterfaces: [nic] }))
        .networkInterfaces[0]?.aliasIpRanges,
    ).toEqual([alias]);
    expect(
      parseAnswer("c", answers.subnetwork, {
        name: "s",
        ipCidrRange: "10.1.0.0/16",
        secondaryIpRanges: [range],
      }).secondaryIpRanges,
    ).toEqual([range]);
  });

  it("are none where the API leaves the list out", () => {
    const [nic] = parseAnswer("c", answers.instance, instance({})).networkInterfaces;
    expect(nic).toMatchObject({ aliasIpRanges: [], fingerprint: "" });
  });
});

describe("answers of another form are refused", () => {
  it.each([
    ["an ID that has lost digits", instance({ id: 7_234_017_283_807_610_000 })],
    [
      "more ranges than can be",
      instance({
        networkInterfaces: [
          {
            name: "nic0",
            aliasIpRanges: Array.from({ length: 341 }, () => ({ ipCidrRange: "10.0.0.0/32" })),
          },
        ],
      }),
    ],
    ["null", null],
    ["a list", []],
  ])("%s", (_, json) => {
    expect(() => parseAnswer("instances.get", answers.instance, json)).toThrow(
      expect.objectContaining({ call: "instances.get", status: 0, reason: "garbage" }),
    );
  });
});

describe("a subnetwork's URL", () => {
  it.each([
    [
      "https://www.googleapis.com/compute/v1/projects/host/regions/r/subnetworks/s",
      { project: "host", region: "r", name: "s" },
    ],
    ["projects/host/regions/r/subnetworks/s", { project: "host", region: "r", name: "s" }],
    ["https://www.googleapis.com/compute/v1/projects/host/global/networks/n", undefined],
    ["", undefined],
  ])("%j", (url, wanted) => {
    expect(subnetworkReference(url)).toEqual(wanted);
  });
});
