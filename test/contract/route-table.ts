// What every RouteTable must do, run on the fake and on the kernel.

import { describe, expect, it } from "vitest";
import { type Ip, ip, ipv4FromUint, ipv4ToUint, parseMac } from "#core/address.ts";
import type { HostRoute, RouteTable } from "#core/ports.ts";

export interface Subject extends AsyncDisposable {
  readonly table: RouteTable;
  setBridge(present: boolean): Promise<void>;
}

const five = ip("10.9.0.5");
const six = ip("fd00:9::6");
const mac = parseMac("02:00:00:00:00:05");
const otherMac = parseMac("02:00:00:00:00:06");
const MANY = 65_536;

const sorted = (routes: readonly HostRoute[]): readonly HostRoute[] =>
  routes.toSorted((one, other) => (one.ip < other.ip ? -1 : 1));

export function routeTableContract(name: string, open: () => Promise<Subject>): void {
  describe(`route table: ${name}`, () => {
    it("lists what was added, with the neighbour where the MAC is known", async () => {
      await using subject = await open();
      const { table } = subject;
      if (mac === undefined) throw new Error("unreadable MAC");
      expect(await table.list()).toEqual([]);
      const answers = await table.apply([
        { op: "add", ip: five, mac },
        { op: "add", ip: six },
      ]);
      expect(answers).toEqual([undefined, undefined]);
      expect(sorted(await table.list())).toEqual([{ ip: five, mac }, { ip: six }]);
    });

    it("adds a route that stands alone, and answers for it in its place", async () => {
      await using subject = await open();
      const { table } = subject;
      if (mac === undefined) throw new Error("unreadable MAC");
      const answers = await table.apply([
        { op: "add", ip: five, alone: true },
        { op: "add", ip: ip("10.9.0.7"), mac },
        { op: "delete", ip: ip("10.9.0.8") },
        { op: "add", ip: six, alone: true },
      ]);
      expect(answers).toEqual([undefined, undefined, undefined, undefined]);
      const wanted = [{ ip: five }, { ip: ip("10.9.0.7"), mac }, { ip: six }];
      expect(sorted(await table.list())).toEqual(sorted(wanted));
    });

    it("says of one address whether its route stands", async () => {
      await using subject = await open();
      const { table } = subject;
      await table.apply([
        { op: "add", ip: five },
        { op: "add", ip: six },
      ]);
      expect(await table.stands(five)).toBe(true);
      expect(await table.stands(six)).toBe(true);
      expect(await table.stands(ip("10.9.0.6"))).toBe(false);
      expect(await table.stands(ip("fd00:9::7"))).toBe(false);
      await table.apply([{ op: "delete", ip: five }]);
      expect(await table.stands(five)).toBe(false);
      await subject.setBridge(false);
      expect(await table.stands(six)).toBe(false);
    });

    it("adds twice and deletes twice without an error", async () => {
      await using subject = await open();
      const add = { op: "add", ip: five } as const;
      const remove = { op: "delete", ip: five } as const;
      expect(await subject.table.apply([add, add])).toEqual([undefined, undefined]);
      expect(await subject.table.list()).toHaveLength(1);
      expect(await subject.table.apply([remove, remove])).toEqual([undefined, undefined]);
      expect(await subject.table.list()).toEqual([]);
    });

    it("takes calls that do not wait for one another in their order", async () => {
      await using subject = await open();
      const { table } = subject;
      const addresses = Array.from({ length: 200 }, (_, index) =>
        ipv4FromUint(ipv4ToUint(five) + index),
      );
      const all = (op: "add" | "delete") =>
        table.apply(addresses.map((address) => ({ op, ip: address })));
      const calls = [all("add"), all("delete"), table.apply([{ op: "add", ip: five }])];
      expect((await Promise.all(calls)).flat().filter((answer) => answer !== undefined)).toEqual(
        [],
      );
      expect(await table.list()).toEqual([{ ip: five }]);
    });

    it("replaces the neighbour, and takes it away when the new holder's MAC is unknown", async () => {
      await using subject = await open();
      const { table } = subject;
      if (mac === undefined || otherMac === undefined) throw new Error("unreadable MAC");
      await table.apply([{ op: "add", ip: five, mac }]);
      await table.apply([{ op: "add", ip: five, mac: otherMac }]);
      expect(await table.list()).toEqual([{ ip: five, mac: otherMac }]);
      await table.apply([{ op: "add", ip: five }]);
      expect(await table.list()).toEqual([{ ip: five }]);
    });

    it("answers for each change, in order, when the bridge is gone, and works on the new one", async () => {
      await using subject = await open();
      const { table } = subject;
      await table.apply([{ op: "add", ip: five }]);
      await subject.setBridge(false);
      const answers = await table.apply([
        { op: "delete", ip: five },
        { op: "add", ip: five },
      ]);
      expect(answers[0]).toBeUndefined();
      expect(answers[1]).toMatchObject({ code: "route-failed" });
      expect(await table.list()).toEqual([]);
      await subject.setBridge(true);
      expect(await table.apply([{ op: "add", ip: five }])).toEqual([undefined]);
      expect(await table.list()).toEqual([{ ip: five }]);
    });

    it(`holds and lists ${MANY} routes`, async () => {
      await using subject = await open();
      const base = ipv4ToUint(ip("10.32.0.0"));
      const ips = Array.from({ length: MANY }, (_, index): Ip => ipv4FromUint(base + index));
      const added = await subject.table.apply(ips.map((address) => ({ op: "add", ip: address })));
      expect(added.filter((answer) => answer !== undefined)).toEqual([]);
      const listed = await subject.table.list();
      expect(new Set(listed.map((route) => route.ip))).toEqual(new Set(ips));
      expect(listed).toHaveLength(MANY);
      await subject.table.apply(ips.map((address) => ({ op: "delete", ip: address })));
      expect(await subject.table.list()).toEqual([]);
    });
  });
}
