// The keeper's rhythm: soon after a change, every ten seconds without one, more slowly against an opponent.

import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { ip } from "#core/address.ts";
import type { NodeReport } from "#broker/node/apply.ts";
import type { NodeNetwork } from "#broker/node/desired.ts";
import { CHECK_PERIOD, createNodeKeeper } from "#broker/node/keeper.ts";
import type { NodeMemory, NodePorts } from "#broker/node/ports.ts";

const network: NodeNetwork = {
  bridge: "cni0",
  gateway: ip("10.9.0.1"),
  subnet: { family: 4, base: 0x0a090000n, length: 24 },
  mtu: 1500,
  platform: "local",
  secondaryNics: [],
  masquerade: false,
  noMasqueradeCidrs: [],
  dropCidrs: [],
  dropInternalAccess: false,
  guestIsolation: false,
  manageIptables: false,
};

/** A machine with the bridge in place and its settings in a map. */
function fakeMachine(): { ports: NodePorts; settings: Map<string, string> } {
  const settings = new Map<string, string>();
  let memory: NodeMemory = { bootId: "boot", sysctls: {} };
  const address = { ip: network.gateway, length: 24, global: true, ours: true };
  const bridge = {
    index: 2,
    name: "cni0",
    kind: "bridge",
    up: true,
    mtu: 1500,
    alias: "cocoon-net",
    isolated: false,
    addresses: [address],
  };
  const unexpected = () => Promise.reject(new Error("no link needs a change"));
  const ports: NodePorts = {
    links: {
      observe: () => Promise.resolve([bridge]),
      createBridge: unexpected,
      deleteLink: unexpected,
      setLink: unexpected,
      changeAddress: unexpected,
    },
    sysctls: {
      read: (key) => settings.get(key),
      write: (key, value) => void settings.set(key, value),
    },
    firewall: {
      observe: () => Promise.reject(new Error("not ours to manage")),
      restore: unexpected,
      dropEmpty: unexpected,
    },
    tables: { list: () => Promise.resolve(undefined), write: unexpected, remove: unexpected },
    memory: { load: () => memory, save: (next) => void (memory = next) },
  };
  return { ports, settings };
}

const FORWARD = "net/ipv4/ip_forward";
let stop = new AbortController();

beforeEach(() => {
  stop = new AbortController();
  vi.useFakeTimers();
});
afterEach(() => {
  stop.abort();
  vi.useRealTimers();
});

function kept() {
  const { ports, settings } = fakeMachine();
  const reports: NodeReport[] = [];
  const fights: string[] = [];
  const keeper = createNodeKeeper({
    network: () => Promise.resolve(network),
    ports,
    now: Date.now,
    onReport: (report) => void reports.push(report),
    onFight: (item) => void fights.push(item),
    trouble: (error) => {
      throw error;
    },
  });
  void keeper.run(stop.signal);
  return { keeper, settings, reports, fights, ports };
}

it("repairs what the kernel does not tell of within a period, and what it tells of at once", async () => {
  const { keeper, settings, reports, fights } = kept();
  await keeper.apply();
  expect(reports).toHaveLength(1);
  settings.set(FORWARD, "0");
  await vi.advanceTimersByTimeAsync(CHECK_PERIOD);
  expect(settings.get(FORWARD)).toBe("1");
  settings.set(FORWARD, "0");
  for (let count = 0; count < 50; count++) keeper.changed();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(settings.get(FORWARD)).toBe("1");
  expect(reports.map((report) => report.items.length)).toEqual([4, 1, 1]);

  settings.set(FORWARD, "0");
  await vi.advanceTimersByTimeAsync(CHECK_PERIOD);
  expect(settings.get(FORWARD)).toBe("0");
  expect(fights).toEqual(["sysctl net.ipv4.ip_forward"]);
});

it("tells once of what cannot be repaired", async () => {
  const { keeper, settings, reports, ports } = kept();
  ports.sysctls.write = () => {
    throw new Error("read-only");
  };
  await keeper.apply();
  await vi.advanceTimersByTimeAsync(5 * CHECK_PERIOD);
  expect(settings.size).toBe(0);
  expect(reports).toHaveLength(1);
  expect(reports[0]?.problems[0]).toMatchObject({ item: "sysctl net.ipv4.ip_forward" });
});
