// Cases 2A 25 to 43: how a conf is read, and which confs are refused.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import type { Case, CaseRun, ConfParts, Driver } from "./subject.ts";

interface RangePart {
  readonly subnet: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
}
const setsOf = (...sets: readonly RangePart[][]) => ({ ipam: { ranges: sets } });
const requesting = (parts: object, ...ips: string[]) => ({ ...parts, args: { cni: { ips } } });

async function oldStyle(driver: Driver): Promise<void> {
  const ipam = {
    subnet: "10.1.2.0/24",
    rangeStart: "10.1.2.9",
    rangeEnd: "10.1.2.10",
    gateway: "10.1.2.30",
  };
  const output = await driver.add("pod", { ipam });
  expect(output.stdout).toContain('"10.1.2.9/24"');
  expect(output.stdout).toContain('"10.1.2.30"');
  expect(await driver.addresses("pod2", { ipam })).toEqual(["10.1.2.10/24"]);
  expect((await driver.error("ADD", "pod3", { ipam })).msg).toContain("10.1.2.9-10.1.2.10");
}

async function defaults(driver: Driver): Promise<void> {
  const parts = setsOf(
    [{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }],
    [{ subnet: "2001:db8:1::/64", rangeStart: "2001:db8:1::9" }],
  );
  const first = await driver.add("pod", parts);
  expect(first.stdout).toContain('"10.1.2.1"');
  expect(await driver.addresses("last", requesting(parts, "10.1.2.254"))).toEqual([
    "10.1.2.254/24",
    "2001:db8:1::a/64",
  ]);
  const { msg } = await driver.error("ADD", "broadcast", requesting(parts, "10.1.2.255"));
  expect(msg).toContain("10.1.2.255");
}

async function sources(driver: Driver): Promise<void> {
  const parts = {
    ipam: { subnet: "10.2.0.0/24", ranges: [[{ subnet: "10.3.0.0/24" }]] },
    runtimeConfig: {
      ipRanges: [[{ subnet: "10.1.0.0/24" }]],
      portMappings: [{ hostPort: 80 }],
      bandwidth: null,
    },
  };
  expect(await driver.addresses("pod", parts)).toEqual([
    "10.1.0.2/24",
    "10.2.0.2/24",
    "10.3.0.2/24",
  ]);
}

async function argsAddresses(driver: Driver): Promise<void> {
  const parts = setsOf([{ subnet: "10.1.2.0/24" }]);
  expect(await driver.addresses("plain", parts, { CNI_ARGS: "IP=10.1.2.10" })).toEqual([
    "10.1.2.10/24",
  ]);
  expect(await driver.addresses("prefix", parts, { CNI_ARGS: "IP=10.1.2.11/24" })).toEqual([
    "10.1.2.11/24",
  ]);
}

async function mergedAddresses(driver: Driver): Promise<void> {
  const parts = setsOf(
    [{ subnet: "10.1.2.0/24" }],
    [{ subnet: "10.1.3.0/24" }],
    [{ subnet: "2001:db8:1::/64" }],
  );
  const asked = requesting(parts, "10.1.3.11/24", "2001:db8:1::5");
  expect(await driver.addresses("pod", asked, { CNI_ARGS: "IP=10.1.2.10" })).toEqual([
    "10.1.2.10/24",
    "10.1.3.11/24",
    "2001:db8:1::5/64",
  ]);
}

async function runtimeAddresses(driver: Driver): Promise<void> {
  const parts = setsOf(
    [{ subnet: "192.168.0.0/24" }],
    [{ subnet: "192.168.1.0/24" }],
    [{ subnet: "2001:db8::/64" }],
  );
  const ips = ["192.168.0.9", "192.168.1.5/24", "2001:db8::9/64"];
  expect(await driver.addresses("pod", { ...parts, runtimeConfig: { ips } })).toEqual([
    "192.168.0.9/24",
    "192.168.1.5/24",
    "2001:db8::9/64",
  ]);
}

/** Each conf is refused with its message. */
const refuses =
  (rows: readonly (readonly [ConfParts, string])[]): CaseRun =>
  async (driver) => {
    for (const [parts, message] of rows)
      expect((await driver.error("ADD", "pod", parts)).msg).toContain(message);
  };

async function oneOfEachFamily(driver: Driver): Promise<void> {
  const cniVersion = "0.2.0";
  const both = {
    cniVersion,
    ...setsOf([{ subnet: "10.1.2.0/24" }], [{ subnet: "2001:db8::/64" }]),
  };
  expect(await driver.addresses("pod", both)).toEqual(["10.1.2.2/24", "2001:db8::2/64"]);
  const twice = { cniVersion, ...setsOf([{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/24" }]) };
  expect((await driver.error("ADD", "pod2", twice)).msg).toContain(
    "CNI version 0.2.0 does not support more than 1 address per family",
  );
}

async function wholeSubnets(driver: Driver): Promise<void> {
  const rows = [
    ["192.0.2.0/24", "192.0.2.254", "192.0.2.255", "192.0.2.1"],
    ["192.0.3.0/25", "192.0.3.126", "192.0.3.127", "192.0.3.1"],
    ["2001:db8:1::/64", "2001:db8:1:0:ffff:ffff:ffff:ffff", "2001:db8:2::", "2001:db8:1::1"],
  ] as const;
  for (const [index, [subnet, last, behind, gateway]] of rows.entries()) {
    const parts = { name: `net${index}`, ...setsOf([{ subnet }]) };
    const output = await driver.add(`last${index}`, requesting(parts, last));
    expect(output.stdout).toContain(`"${last}/`);
    expect(output.stdout).toContain(`"${gateway}"`);
    await driver.error("ADD", `behind${index}`, requesting(parts, behind));
  }
}

async function inclusive(driver: Driver): Promise<void> {
  const parts = setsOf([
    { subnet: "192.0.2.0/24", rangeStart: "192.0.2.10", rangeEnd: "192.0.2.20" },
  ]);
  for (const ip of ["192.0.2.10", "192.0.2.20"])
    expect(await driver.addresses(`on-${ip}`, requesting(parts, ip))).toEqual([`${ip}/24`]);
  for (const ip of ["192.0.2.9", "192.0.2.21", "2001:db8::1"])
    await driver.error("ADD", "off", requesting(parts, ip));
}

async function overlaps(driver: Driver): Promise<void> {
  const lower = { subnet: "10.0.0.0/24", rangeEnd: "10.0.0.127" };
  const rows: readonly (readonly [RangePart, RangePart, boolean])[] = [
    [{ subnet: "10.0.0.0/24" }, { subnet: "10.0.1.0/24" }, false],
    [{ subnet: "10.0.0.0/24" }, { subnet: "2001:db8::/64" }, false],
    [{ subnet: "10.0.0.0/24" }, { subnet: "10.0.0.0/24" }, true],
    [{ subnet: "10.0.0.0/20" }, { subnet: "10.0.1.0/24" }, true],
    [lower, { subnet: "10.0.0.0/24", rangeStart: "10.0.0.128" }, false],
    [lower, { subnet: "10.0.0.0/24", rangeStart: "10.0.0.127" }, true],
  ];
  for (const [one, other, overlap] of rows) {
    for (const parts of [setsOf([one], [other]), setsOf([other], [one])]) {
      if (overlap)
        expect((await driver.error("ADD", "pod", parts)).msg).toContain(
          "range set 0 overlaps with 1",
        );
      else await driver.add("pod", parts);
      await driver.del("pod", setsOf([{ subnet: "10.0.0.0/16" }], [{ subnet: "2001:db8::/64" }]));
    }
  }
}

async function resolvConf(driver: Driver): Promise<void> {
  const path = join(driver.folder, "resolv.conf");
  const lines = [
    "; one",
    "# two",
    "nameserver 192.0.2.0",
    "nameserver 192.0.2.1",
    "domain example.com",
    "search a b",
    "search c",
    "options one two",
    "options three",
  ];
  await writeFile(path, `${lines.join("\n")}\n`);
  const output = await driver.add("pod", { ipam: { subnet: "10.1.2.0/24", resolvConf: path } });
  expect(JSON.parse(output.stdout)).toMatchObject({
    dns: {
      nameservers: ["192.0.2.0", "192.0.2.1"],
      domain: "example.com",
      search: ["a", "b", "c"],
      options: ["one", "two", "three"],
    },
  });
}

const one = (part: RangePart): ConfParts => setsOf([part]);
const hostBits = (length: number, network: string): string =>
  `Network has host bits set. For a subnet mask of length ${length} the network address is ${network}`;

const outside = (
  id: string,
  title: string,
  run: CaseRun,
  why = "results and messages show it",
): Case => ({ id: `2A ${id}`, title, driven: "outside", why, run });

export const confCases: readonly Case[] = [
  outside("25", "the old style's one range", oldStyle),
  outside("26", "ranges, and the defaults of start, end and gateway", defaults),
  outside("27", "runtimeConfig.ipRanges, then the old style, then ranges", sources),
  outside("28", "CNI_ARGS IP with and without prefix length", argsAddresses),
  outside("29", "args.cni.ips beside CNI_ARGS IP", mergedAddresses),
  outside("30", "runtimeConfig.ips", runtimeAddresses),
  outside(
    "31",
    "overlapping sets",
    refuses([
      [
        setsOf([{ subnet: "10.1.0.0/22" }], [{ subnet: "10.1.2.0/24" }]),
        "range set 0 overlaps with 1",
      ],
    ]),
  ),
  outside(
    "32",
    "overlap within a set",
    refuses([
      [
        setsOf([{ subnet: "10.1.0.0/22" }, { subnet: "10.1.2.0/24" }]),
        "invalid range set 0: subnets 10.1.0.1-10.1.3.254 and 10.1.2.1-10.1.2.254 overlap",
      ],
    ]),
  ),
  outside(
    "33",
    "mixed families in a set",
    refuses([
      [
        setsOf([{ subnet: "10.1.0.0/22" }, { subnet: "2001:db8:5::/64" }]),
        "invalid range set 0: mixed address families",
      ],
    ]),
  ),
  outside("34", "one address of each family before 0.3.0", oneOfEachFamily),
  outside("35", "first and last address of a subnet", wholeSubnets),
  outside(
    "36",
    "host bits in a subnet",
    refuses([
      [one({ subnet: "192.0.2.12/24" }), hostBits(24, "192.0.2.0")],
      [one({ subnet: "192.0.3.0/23" }), hostBits(23, "192.0.2.0")],
      [one({ subnet: "2001:db8:1::24:19ff:fee1:c44a/64" }), hostBits(64, "2001:db8:1::")],
      [one({ subnet: "2001:db8:1:1::/63" }), hostBits(63, "2001:db8:1::")],
    ]),
  ),
  outside(
    "37",
    "subnets too small to allocate from",
    refuses(
      ["192.0.2.0/31", "192.0.2.0/32", "2001:db8::/127", "2001:db8::/128"].map(
        (subnet) => [one({ subnet }), `Network ${subnet} too small to allocate from`] as const,
      ),
    ),
  ),
  outside(
    "38",
    "range ends outside of the subnet",
    refuses([
      [
        one({ subnet: "192.0.2.0/24", rangeStart: "192.0.3.0" }),
        "RangeStart 192.0.3.0 not in network 192.0.2.0/24",
      ],
      [
        one({ subnet: "192.0.2.0/24", rangeEnd: "192.0.4.0" }),
        "RangeEnd 192.0.4.0 not in network 192.0.2.0/24",
      ],
      [
        one({ subnet: "192.0.2.0/24", rangeStart: "192.0.2.50", rangeEnd: "192.0.2.40" }),
        "RangeStart 192.0.2.50 not in network 192.0.2.0/24",
      ],
    ]),
  ),
  outside("39", "a range's ends belong to it", inclusive),
  outside("40", "which ranges overlap", overlaps),
  {
    id: "2A 41",
    title: "the set that an address belongs to",
    driven: "unit",
    why: "test/core/range.test.ts: a message of the library, never seen outside",
  },
  outside("42", "resolv.conf", resolvConf),
  {
    id: "2A 43",
    title: "locks on a file and on a folder",
    driven: "no",
    why: "host-local's own means; our broker is the one writer and has no lock file",
  },
];
