// The network conf: which pool it means, what is wrong with it, and where its DNS comes from.

import { confPool } from "#broker/cni/conf-pool.ts";
import { chooseDns, parseResolvConf } from "#broker/cni/dns.ts";
import { CniFailure } from "#broker/cni/failure.ts";
import { type Netconf, parseNetconf } from "#broker/cni/netconf.ts";
import type { CniVersion } from "#broker/cni/version.ts";
import { formatRange } from "#core/range.ts";
import { describe, expect, test } from "vitest";

function netconf(conf: object): Netconf {
  const parsed = parseNetconf({ name: "mynet", ...conf });
  if (parsed instanceof CniFailure) throw new Error(`${parsed.message}: ${parsed.details}`);
  return parsed;
}

function setsOf(conf: object, version: CniVersion = "1.1.0"): readonly (readonly string[])[] {
  const pool = confPool("mynet", version, netconf(conf));
  if (pool === undefined || pool instanceof CniFailure)
    throw new Error(`no pool: ${JSON.stringify(pool)}`);
  expect(pool).toMatchObject({ name: "ranges of mynet", routed: false });
  return pool.sets.map((set) => set.map(formatRange));
}

describe("which pool", () => {
  test.each([
    {},
    { pool: "node" },
    { pool: "" },
    { ranges: [] },
    { ranges: null, routes: null, dns: null, subnet: "" },
  ])("ipam %j: the node's", (ipam) => {
    expect(confPool("mynet", "1.1.0", netconf({ ipam }))).toBeUndefined();
  });

  test("the old style's one range (2A 25)", () => {
    const ipam = {
      subnet: "10.1.2.0/24",
      rangeStart: "10.1.2.9",
      rangeEnd: "10.1.2.20",
      gateway: "10.1.2.30",
    };
    expect(setsOf({ ipam })).toEqual([["10.1.2.9-10.1.2.20"]]);
  });

  test("ranges with defaults filled in (2A 26)", () => {
    const ranges = [
      [{ subnet: "10.1.2.0/24" }],
      [{ subnet: "2001:db8:1::/64", rangeStart: "2001:db8:1::9", rangeEnd: "2001:db8:1::20" }],
    ];
    expect(setsOf({ ipam: { ranges } })).toEqual([
      ["10.1.2.1-10.1.2.254"],
      ["2001:db8:1::9-2001:db8:1::20"],
    ]);
  });

  test("runtimeConfig.ipRanges, then the old style, then ranges (2A 27)", () => {
    const conf = {
      ipam: {
        subnet: "10.2.0.0/24",
        ranges: [[{ subnet: "10.3.0.0/24" }]],
        dataDir: "/var/lib/x",
        unknown: { deep: [1] },
      },
      runtimeConfig: { ipRanges: [[{ subnet: "10.1.0.0/24" }]], somethingElse: true },
    };
    expect(setsOf(conf)).toEqual([
      ["10.1.0.1-10.1.0.254"],
      ["10.2.0.1-10.2.0.254"],
      ["10.3.0.1-10.3.0.254"],
    ]);
  });
});

describe("bad confs are code 7", () => {
  const ranges = (...sets: object[][]) => ({ ipam: { ranges: sets } });
  test.each<[object, string]>([
    [{ ipam: { pool: "vips" } }, 'pool "vips" is unknown on this node'],
    [{ ipam: { pool: "node", subnet: "10.0.0.0/24" } }, "ipam.pool and ranges exclude each other"],
    [
      ranges([{ subnet: "10.1.0.0/22" }, { subnet: "10.1.2.0/24" }]),
      "invalid range set 0: subnets 10.1.0.1-10.1.3.254 and 10.1.2.1-10.1.2.254 overlap",
    ],
    [
      ranges([{ subnet: "10.1.0.0/24" }], [{ subnet: "10.1.0.0/24" }]),
      "range set 0 overlaps with 1",
    ],
    [
      ranges([{ subnet: "10.1.0.0/24" }, { subnet: "2001:db8::/64" }]),
      "invalid range set 0: mixed address families",
    ],
    [
      ranges([{ subnet: "192.0.2.12/24" }]),
      "Network has host bits set. For a subnet mask of length 24 the network address is 192.0.2.0",
    ],
    [ranges([{ subnet: "192.0.2.0/31" }]), "Network 192.0.2.0/31 too small to allocate from"],
    [
      ranges([{ subnet: "192.0.2.0/24", rangeStart: "192.0.3.0" }]),
      "RangeStart 192.0.3.0 not in network 192.0.2.0/24",
    ],
    [ranges([]), "invalid range set 0"],
    [ranges([{ subnet: "nonsense" }]), "invalid range set 0"],
  ])("%j", (conf, message) => {
    const pool = confPool("mynet", "1.1.0", netconf(conf));
    expect(pool).toBeInstanceOf(CniFailure);
    expect(pool).toMatchObject({ code: 7, message: expect.stringContaining(message) });
  });

  test.each<[object, string]>([
    [{}, "IPAM config missing 'ipam' key"],
    [{ ipam: null }, "IPAM config missing 'ipam' key"],
    [{ ipam: { routes: [{ gw: "10.0.0.1" }] } }, "ipam.routes.0.dst: expected string"],
    [{ ipam: { ranges: [{ subnet: "10.0.0.0/24" }] } }, "ipam.ranges.0: expected array"],
    [{ ipam: { strict: "yes" } }, "ipam.strict: expected boolean"],
    [
      { ipam: { routes: Array.from({ length: 1025 }, () => ({ dst: "0.0.0.0/0" })) } },
      "ipam.routes: more than 1024",
    ],
    [{ ipam: {}, runtimeConfig: { ips: [1] } }, "runtimeConfig.ips.0: expected string"],
  ])("%j", (conf, details) => {
    const parsed = parseNetconf({ name: "mynet", ...conf });
    if (!(parsed instanceof CniFailure)) throw new Error("parsed");
    expect(parsed.code).toBe(7);
    expect(`${parsed.message} ${parsed.details}`).toContain(details);
  });

  test("two sets of one family before 0.3.0 (2A 9, 34)", () => {
    const two = netconf(ranges([{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/24" }]));
    for (const version of ["0.1.0", "0.2.0"] as const) {
      expect(confPool("mynet", version, two)).toMatchObject({
        message: `CNI version ${version} does not support more than 1 address per family`,
      });
    }
    expect(
      setsOf(ranges([{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8::/64" }]), "0.2.0"),
    ).toHaveLength(2);
  });
});

describe("dns", () => {
  test("resolv.conf as host-local reads it (2A 42)", () => {
    const text = [
      "; comment",
      "# nameserver 9.9.9.9",
      "nameserver 192.0.2.0",
      "nameserver 192.0.2.1",
      "domain example.com",
      "search a.example b.example",
      "\tsearch  c.example ",
      "options one two",
      "options three",
      "nameserver",
      "",
    ].join("\n");
    expect(parseResolvConf(text)).toEqual({
      nameservers: ["192.0.2.0", "192.0.2.1"],
      domain: "example.com",
      search: ["a.example", "b.example", "c.example"],
      options: ["one", "two", "three"],
    });
  });

  const asked = { servers: ["1.1.1.1"], searches: ["asked"], options: ["ndots:1"] };
  const inIpam = { nameservers: ["2.2.2.2"] };
  const own = { nameservers: ["4.4.4.4"] };
  test.each([
    [
      { ipam: { dns: inIpam }, dns: own, runtimeConfig: { dns: asked } },
      "nameserver 3.3.3.3",
      { nameservers: ["1.1.1.1"], search: ["asked"], options: ["ndots:1"] },
    ],
    [
      { ipam: { dns: inIpam }, dns: own, runtimeConfig: { dns: { servers: [] } } },
      "nameserver 3.3.3.3",
      inIpam,
    ],
    [
      { ipam: {}, dns: own, runtimeConfig: { dns: null } },
      "nameserver 3.3.3.3",
      { nameservers: ["3.3.3.3"] },
    ],
    [{ ipam: {}, dns: own }, undefined, own],
    [{ ipam: {} }, undefined, {}],
  ])("of %j with file %j", (conf, file, expected) => {
    expect(chooseDns(netconf(conf), file)).toEqual(expected);
  });
});
