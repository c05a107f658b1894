// The trouble table: for each cause, the symptom that people know and the remedy that helps.

import { expect, test } from "vitest";
import { PROVISIONING_KEY } from "#provision/journal.ts";
import { otherServers, broker, dhcpPort } from "#cli/guest-diagnosis.ts";
import { bridge, provisioning, served } from "#cli/pool-diagnosis.ts";
import { guestAgent, secondaryNics } from "#cli/uplink-diagnosis.ts";
import type { Finding } from "#cli/finding.ts";
import { config, judge, poolOf, sound } from "./sound-machine.ts";

const gke = poolOf("gke", "complete");
const uplinks = sound.uplinks;
const agent = { units: ["google-guest-agent.service"], routesOff: true };
const dnsmasq = { program: "dnsmasq", process: 7, device: undefined };
const nic = { nic: "eth1", state: "up" as const, addresses: [], managers: [] };
const withNic = (change: object) => ({
  uplinks: { ...uplinks, secondary: [{ ...nic, ...change }] },
});
/** What is wrong, who finds it, and the words that must be there. */
const rows: readonly (readonly [
  trouble: string,
  found: () => Finding | readonly Finding[],
  state: string,
  cause: string,
  symptom: string,
  remedy: string,
])[] = [
  [
    "the broker is not running",
    () => broker({ ...sound, brokerState: "absent" }, config),
    "warning",
    "is not running",
    "no DHCP lease",
    "journalctl -u cocoon-net",
  ],
  [
    "the broker died",
    () => broker({ ...sound, brokerState: "stale" }, config),
    "warning",
    "died",
    "no DHCP lease",
    "start the broker",
  ],
  [
    "UDP 67 is taken",
    () =>
      dhcpPort(
        { ...sound, dhcpListeners: [dnsmasq], brokerState: "absent", brokerProcess: undefined },
        config,
      ),
    "problem",
    "dnsmasq (process 7) listens",
    "no DHCP lease",
    "bind-interfaces",
  ],
  [
    "UDP 67 is shared",
    () => dhcpPort({ ...sound, dhcpListeners: [...sound.dhcpListeners, dnsmasq] }, config),
    "warning",
    "dnsmasq (process 7) listens",
    "wrong subnet",
    "stop it",
  ],
  [
    "a second DHCP server",
    () =>
      otherServers({
        ...sound,
        rogueServers: [{ mac: "02:00:00:00:00:09", server: "10.0.0.9", port: "veth9" }],
      }),
    "warning",
    "10.0.0.9",
    "wrong subnet",
    "take its port off",
  ],
  [
    "the bridge has another length",
    () => bridge({ ...sound, bridgeAddresses: ["10.88.100.1/16"] }, config),
    "problem",
    "10.88.100.1/16, and pool.json says 10.88.100.1/24",
    "wrong subnet",
    "restart the broker",
  ],
  [
    "the bridge has another subnet",
    () => bridge({ ...sound, bridgeAddresses: ["10.99.0.1/24"] }, config),
    "problem",
    "10.99.0.1/24",
    "no DHCP lease",
    "right --subnet",
  ],
  [
    "pool.json is of another subnet than is served",
    () => served({ ...sound, served: { subnet: "10.99.0.0/24", gateway: "10.99.0.1" } }),
    "problem",
    "the broker serves 10.99.0.0/24",
    "wrong subnet",
    "right --subnet",
  ],
  [
    "init was cut off",
    () => provisioning({ ...sound, pool: poolOf("gke", "provisioning") }),
    "problem",
    "cocoon-net init was cut off",
    "no DHCP lease",
    "run cocoon-net init again",
  ],
  [
    "teardown was cut off",
    () => provisioning({ ...sound, pool: poolOf("gke", "removing") }),
    "problem",
    "cocoon-net teardown was cut off",
    "no DHCP lease",
    "run cocoon-net teardown again",
  ],
  [
    "ethX is down",
    () => secondaryNics(withNic({ state: "down" })),
    "problem",
    "is down",
    "cannot be reached",
    "ip link set eth1 up",
  ],
  [
    "ethX is missing",
    () => secondaryNics(withNic({ state: "absent" })),
    "problem",
    "no such link",
    "cannot be reached",
    "init again",
  ],
  [
    "ethX has an address",
    () => secondaryNics(withNic({ addresses: ["172.20.100.9"] })),
    "problem",
    "172.20.100.9",
    "cannot be reached",
    "ip -4 address flush dev eth1",
  ],
  [
    "ethX has another DHCP client",
    () => secondaryNics(withNic({ managers: ["dhclient"] })),
    "warning",
    "dhclient",
    "cannot be reached",
    "unmanaged",
  ],
  [
    "the guest agent's local route",
    () =>
      guestAgent({
        ...sound,
        pool: gke,
        uplinks: { ...uplinks, agentRoutes: ["172.20.100.0/24"], agent },
      }),
    "problem",
    "swallows",
    "cannot be reached",
    "ip route del local 172.20.100.0/24 table local proto 66",
  ],
  [
    "the same without a broker",
    () =>
      guestAgent({
        brokerState: "absent",
        pool: gke,
        uplinks: { ...uplinks, agentRoutes: ["172.20.100.0/24"], agent },
      }),
    "problem",
    "swallows",
    "cannot be reached",
    "start the broker",
  ],
  [
    "the guest agent's switch",
    () =>
      guestAgent({
        ...sound,
        pool: gke,
        uplinks: { ...uplinks, agent: { ...agent, routesOff: false } },
      }),
    "warning",
    "ip_aliases is not off",
    "cannot be reached",
    "ip_aliases = false",
  ],
  [
    "no way to see local routes",
    () => guestAgent({ ...sound, pool: gke, uplinks: { ...uplinks, agentRoutes: undefined } }),
    "warning",
    "could not be read",
    "cannot be reached",
    "ip route show table local proto 66",
  ],
];

test.each(rows)("%s", (_, found, state, cause, symptom, remedy) => {
  expect(judge(found())).toEqual([
    {
      check: expect.any(String),
      state,
      detail: expect.stringContaining(cause),
      symptom: expect.stringContaining(symptom),
      remedy: expect.stringContaining(remedy),
    },
  ]);
});

test("a node as it should be has no such finding", () => {
  expect(judge(secondaryNics(withNic({})))).toEqual([]);
  expect(judge(guestAgent({ ...sound, pool: gke, uplinks: { ...uplinks, agent } }))).toEqual([]);
  expect(guestAgent(sound)).toEqual([]);
  expect(judge(provisioning({ ...sound, pool: gke }))).toEqual([]);
  const elsewhere = { ...dnsmasq, device: "virbr0" };
  const listeners = [...sound.dhcpListeners, elsewhere];
  expect(judge(dhcpPort({ ...sound, dhcpListeners: listeners }, config))).toEqual([]);
  expect(
    judge(dhcpPort({ ...sound, dhcpListeners: [elsewhere], brokerState: "absent" }, config)),
  ).toEqual([]);
});

test("less than asked for is told with its reason", () => {
  expect(judge(provisioning({ ...sound, pool: poolOf("volcengine", "degraded") }))).toMatchObject([
    { state: "warning", detail: expect.stringContaining("20 of 140 addresses") },
  ]);
});

test.each([
  ["damaged", 1, "backup"],
  ["later", 9, "the version of cocoon-net that wrote it"],
])("a %s journal is told, not thrown", (_what, version, remedy) => {
  const pool = { ...gke, extra: { [PROVISIONING_KEY]: { version } } };
  expect(judge(provisioning({ ...sound, pool }))).toMatchObject([
    { state: "problem", remedy: expect.stringContaining(remedy) },
  ]);
});
