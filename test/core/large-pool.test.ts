// No call costs more in a large pool than in a small one: counted in executed blocks of code, not in time.

import { Session } from "node:inspector/promises";
import { expect, test } from "vitest";
import { ipv4FromUint, ipv4ToUint, ip } from "#core/address.ts";
import { decideAttach } from "#core/attach.ts";
import { decideConfirm, decideDetach } from "#core/detach.ts";
import type { Decision } from "#core/effects.ts";
import { decideBind, decideGuestRelease, offerAddress } from "#core/guest.ts";
import { Ledger } from "#core/ledger.ts";
import { ownerKey } from "#core/lease.ts";
import { decideSweep } from "#core/sweep.ts";
import { poolSize } from "#core/pool.ts";
import type { Pool } from "#core/range.ts";
import { START, at, container, mac, pool, stamp } from "./lease-fixtures.ts";

/** Where in a tree an address lies makes some difference; a walk would make one of 256 times. */
const ALLOWANCE = 2;
const FREE = 2;

/** Every address but a few at the end is held by a container. */
function full(node: Pool): Ledger {
  const ledger = new Ledger();
  const first = ipv4ToUint(ip("10.9.0.2"));
  const held = Number(poolSize(node.sets[0] ?? [])) - FREE;
  ledger.fill(
    Array.from({ length: held }, (_, index) => ({
      kind: "lease",
      lease: {
        ip: ipv4FromUint(first + index),
        pool: node.name,
        state: "leased",
        owner: container(`c${index}`),
        attachment: { netns: `/n/${index}`, stamp: stamp(1) },
        sequence: index + 1,
        since: START,
        routed: true,
      },
    })),
  );
  return ledger;
}

/** One call of each kind, those that meet a full pool and a cooling address among them. */
function calls(ledger: Ledger, node: Pool): Readonly<Record<string, () => void>> {
  const commit = <Outcome>({ changes, outcome }: Decision<Outcome>): Outcome => {
    ledger.apply(changes);
    return outcome;
  };
  const add = (id: string) => {
    const attachment = { netns: "/n", stamp: stamp(2) };
    const request = { owner: container(id), attachment, pool: node, requested: [], strict: false };
    return commit(decideAttach(ledger, request, at(0))).kind;
  };
  const guest = { mac: mac(1), mode: "selecting", seconds: 60 } as const;
  let offered = ip("10.9.0.2");
  return {
    "ADD of a free address": () => expect(add("new")).toBe("attached"),
    "ADD again": () => expect(add("new")).toBe("attached"),
    CONFIRM: () => {
      const key = ownerKey(container("new"));
      commit(
        decideConfirm(ledger, { key, sequences: ledger.heldBy(key).map((one) => one.sequence) }),
      );
    },
    DISCOVER: () => {
      const outcome = offerAddress(ledger, node, mac(1), undefined, START);
      if (outcome.kind === "offer") offered = outcome.ip;
    },
    REQUEST: () =>
      expect(commit(decideBind(ledger, node, { ...guest, ip: offered }, at(0))).kind).toBe("bound"),
    "ADD in a full pool": () => expect(add("too many")).toBe("refused"),
    RELEASE: () => commit(decideGuestRelease(ledger, mac(1), offered, at(0), "dhcp-release")),
    DEL: () =>
      expect(
        commit(decideDetach(ledger, { ...container("c1"), stamp: stamp(3) }, at(0))).released,
      ).toHaveLength(1),
    "ADD of a cooling address": () => expect(add("other")).toBe("attached"),
    "a sweep": () => commit(decideSweep(ledger, at(0))),
  };
}

async function blocksRun(session: Session, work: () => void): Promise<number> {
  await session.post("Profiler.takePreciseCoverage");
  work();
  const { result } = await session.post("Profiler.takePreciseCoverage");
  return result
    .filter(({ url }) => url.includes("/core/") && !url.includes("/test/"))
    .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
    .reduce((sum, { count }) => sum + count, 0);
}

test("a call runs as much code in a pool of 65,533 addresses as in one of 253", async () => {
  const worlds = ["10.9.0.0/24", "10.9.0.0/16"].map((subnet) =>
    calls(full(pool(subnet)), pool(subnet)),
  );
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true });
  const [small = {}, large = {}] = worlds;
  for (const [name, call] of Object.entries(small)) {
    const few = await blocksRun(session, call);
    const many = await blocksRun(session, large[name] ?? call);
    expect(few, name).toBeGreaterThan(0);
    expect(many, `${name}: ${few} blocks in the small pool`).toBeLessThanOrEqual(few * ALLOWANCE);
  }
  session.disconnect();
});
