// What teardown takes, what a pool has, and what status tells, from tables.

import { array, assert, constantFrom, integer, property, record } from "fast-check";
import { describe, expect, it } from "vitest";
import { ip } from "#core/address.ts";
import type { Provisioning } from "#provision/journal.ts";
import { planRemoval } from "#provision/gke/plan-removal.ts";
import { addressesOf, compare, publish } from "#provision/gke/publish.ts";
import { parseRangeStep } from "#provision/gke/steps.ts";
import { SUBNET, goalOf, prefix } from "./node.ts";
import {
  type Change,
  added,
  entry,
  ids,
  journal,
  ourAlias,
  podAlias,
  seenWith,
} from "./seen-with.ts";

describe("teardown's plan", () => {
  const removal = { nodeName: "node-1", pool: undefined, includeUntagged: false };
  const seen = seenWith({ aliases: [podAlias, ourAlias] });

  it.each<[string, Provisioning | undefined, boolean]>([
    ["made by init", journal([added]), true],
    ["intended, perhaps made", journal([entry(added.step, {}, "intended")]), true],
    ["not in the journal", journal([]), false],
    ["adopted", journal([added], "adopted"), false],
    ["no journal", undefined, false],
    ["of another instance", { ...journal([added]), node: { instance: "2" } }, false],
    ["from another range", journal([entry(`add-alias/vms/${SUBNET}`)]), false],
  ])("an alias %s", (_, provisioning, goes) => {
    const { steps } = planRemoval(removal, seen, provisioning);
    const removed = steps.filter(({ action }) => action === "remove").map(({ id }) => id);
    expect(removed).toEqual(goes ? [`remove-alias/cocoon-pods/${SUBNET}`] : []);
    expect(steps.filter(({ target }) => target.startsWith("alias range"))).toHaveLength(2);
  });

  it("gives the agent back what it had, unless somebody has changed it since", () => {
    const set = journal([entry("guest-agent", { file: "absent", section: "absent" })]);
    expect(ids(planRemoval(removal, seen, set).steps)).toContain("write restore-guest-agent");
    const changed = { ...seen, agent: { ...seen.agent, routesOff: false } };
    expect(ids(planRemoval(removal, changed, set).steps)).toContain("keep restore-guest-agent");
    const untouched = journal([entry("guest-agent", {}, "intended")]);
    expect(ids(planRemoval(removal, seen, untouched).steps)).toContain("keep restore-guest-agent");
  });

  it("never names the shared range or a foreign alias as a change", () => {
    const alias = record({
      ipCidrRange: integer({ min: 0, max: 255 }).map((third) => `10.4.${third}.0/24`),
      subnetworkRangeName: constantFrom("pods", "cocoon-pods"),
    });
    assert(
      property(
        array(alias, { maxLength: 8 }),
        array(integer({ min: 0, max: 255 })),
        (aliases, own) => {
          const entries = own.map((third) => entry(`add-alias/cocoon-pods/10.4.${third}.0/24`));
          const { steps } = planRemoval(removal, seenWith({ aliases }), journal(entries));
          for (const step of steps.filter(({ changes }) => changes.length > 0)) {
            expect(step.changes).toEqual(["instances.updateNetworkInterface"]);
            const range = parseRangeStep(step.id);
            expect(range?.rangeName).toBe("cocoon-pods");
            expect(own.map((third) => `10.4.${third}.0/24`)).toContain(range?.cidr);
          }
        },
      ),
    );
  });
});

describe("the pool", () => {
  it("has the subnet's addresses without network, gateway and broadcast", () => {
    expect(addressesOf(prefix("10.0.0.0/29"), ip("10.0.0.3"), 10)).toEqual(
      ["10.0.0.1", "10.0.0.2", "10.0.0.4", "10.0.0.5", "10.0.0.6"].map(ip),
    );
    expect(addressesOf(prefix("10.0.0.0/30"), ip("10.0.0.1"), 10)).toEqual([ip("10.0.0.2")]);
    expect(addressesOf(prefix("10.0.0.0/24"), ip("10.0.0.1"), 2)).toEqual([
      ip("10.0.0.2"),
      ip("10.0.0.3"),
    ]);
  });

  it("is empty while the alias is not there", () => {
    expect(publish(goalOf(SUBNET), seenWith())).toMatchObject({ ips: [], aliasRangeName: "" });
    expect(publish(goalOf(SUBNET), seenWith({ aliases: [ourAlias] }))).toMatchObject({
      primaryNIC: "ens4",
      aliasRangeName: "cocoon-pods",
      vpcCIDRs: ["10.128.0.0/20", "10.4.0.0/14", "172.20.0.0/16"],
    });
  });

  it("differs from what is there in what status tells", () => {
    const pool = {
      platform: "gke",
      nodeName: "node-1",
      subnet: SUBNET,
      gateway: ip("172.20.100.1"),
      primaryNIC: "eth0",
      secondaryNICs: [],
      ips: [],
      eniIDs: [],
      subnetID: "",
      aliasRangeName: "vms",
      dnsServers: [],
      dropInternalAccess: false,
      dropCIDRs: [],
      updatedAt: "",
      manageIptables: undefined,
      extra: {},
    } as const;
    const what = (change: Change) => compare(pool, seenWith(change)).map((each) => each.what);
    expect(what({ aliases: [ourAlias] })).toEqual([
      `secondary range of alias ${SUBNET}`,
      "link with the MAC 42:01:0a:80:00:02 of nic0",
    ]);
    expect(what({ seen: { link: "eth0", agent: { units: ["a"], routesOff: false } } })).toEqual([
      "alias range on nic0 of node-1",
      "the guest agent's routes for alias ranges",
    ]);
  });
});
