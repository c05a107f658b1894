// The commands an operator runs on a node in use, against its real broker: the same facts in every form.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { namespaces } from "#test/netns/namespaces.ts";
import { bindGuest } from "#test/e2e/dhcp-clients.ts";
import { adoptedNode, GATEWAY, startNode, SUBNET, type TestNode } from "#test/e2e/node.ts";
import { addPod, addressOf } from "#test/e2e/runtime.ts";

const MAC = "02:00:5e:10:00:09";
const undo = new AsyncDisposableStack();
let node: TestNode;
let podIp = "";
let guestIp = "";

beforeAll(async () => {
  node = undo.use(await startNode());
  const net = undo.use(await namespaces("pod"));
  podIp = addressOf(await addPod(node, { id: "pod", namespace: net.pod }));
  const guest = await node.plugGuest("guest", MAC);
  const client = undo.use(await bindGuest("udhcpc", guest, node.folder));
  guestIp = await client.address();
});
afterAll(() => undo.disposeAsync());

const json = async (...parameters: string[]): Promise<unknown> =>
  JSON.parse(await node.cocoonNet(...parameters, "--output", "json"));

describe("status", () => {
  test("tells people that the node serves, and how full it is", async () => {
    const text = await node.cocoonNet("status");
    expect(text).toMatch(/broker +serving, since /);
    expect(text).toMatch(/set-up +as it should be/);
    expect(text).toMatch(new RegExp(`node +${SUBNET} +${GATEWAY} +253 +251 +2 +0 +0 +0`));
    expect(text).not.toContain("warning");
  });

  test("tells programs the same", async () => {
    expect(await json("status")).toMatchObject({
      serving: true,
      node: "node",
      platform: "local",
      bridge: "cni0",
      processId: node.broker.pid(),
      pool: { subnet: SUBNET, gateway: GATEWAY, size: 253, free: 251, leased: 2, cooling: 0 },
      ledger: { condition: expect.stringMatching(/^(missing|sound)$/), durability: "sync" },
      since: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      warnings: [],
    });
  });

  test("lists what of the set-up was made, and that nothing of it failed", async () => {
    const { setup } = await node.status();
    const items = setup.map((item) => item.item);
    expect(items).toEqual(expect.arrayContaining(["link cni0", `address ${GATEWAY}/24 on cni0`]));
    expect(setup.filter((item) => item.state === "failed" || item.state === "foreign")).toEqual([]);
  });
});

test("leases lists both holders, in every form, and by state", async () => {
  const container = { ip: podIp, state: "leased", ownerParts: { kind: "container" } };
  const guest = { ip: guestIp, state: "leased", ownerParts: { kind: "guest", mac: MAC } };
  expect(await json("leases")).toMatchObject([container, guest]);
  expect(parse(await node.cocoonNet("leases", "--output", "yaml"))).toMatchObject([
    container,
    guest,
  ]);
  const table = await node.cocoonNet("leases");
  expect(table).toMatch(new RegExp(`${podIp} +leased +container pod eth0 \\(cocoon-net\\)`));
  expect(table).toMatch(new RegExp(`${guestIp} +leased +guest ${MAC}`));
  expect(await json("leases", "--state", "cooling")).toEqual([]);
});

describe("why", () => {
  test("tells all of a held address: owner, route, neighbour, history", async () => {
    expect(await json("why", guestIp)).toMatchObject({
      ip: guestIp,
      pool: "node",
      lease: { state: "leased", routed: true },
      route: { present: true, expected: true },
      neighbour: { mac: MAC },
      history: expect.arrayContaining([expect.objectContaining({ ip: guestIp })]),
    });
    const text = await node.cocoonNet("why", podIp);
    expect(text).toMatch(/owner +container pod eth0/);
    expect(text).toMatch(/route +stands/);
  });

  test("tells why an address is never given away, and that one is free", async () => {
    expect(await json("why", GATEWAY)).toMatchObject({ excluded: "gateway" });
    expect(await node.cocoonNet("why", "10.94.0.200")).toMatch(/state +free/);
  });

  test("refuses what is no address, with a code of its own", async () => {
    expect((await node.tryCocoonNet("why", "10.94.0.999")).code).toBe(2);
  });
});

test("a lease released by hand cools and loses its route; its sequence number guards it", async () => {
  const other = undo.use(await namespaces("other"));
  const ip = addressOf(await addPod(node, { id: "other", namespace: other.other }));
  const { sequence = 0 } = (await node.lease(ip)) ?? {};
  await node.cocoonNet("leases", "--forget", ip, "--sequence", String(sequence + 1));
  expect(await node.lease(ip)).toMatchObject({ state: "leased", sequence });
  await node.cocoonNet("leases", "--forget", ip, "--sequence", String(sequence));
  expect(await node.lease(ip)).toMatchObject({ state: "cooling" });
  expect(await node.routeOf(ip)).toBe("");
});

test("doctor finds nothing that would stop a node that serves", async () => {
  const output = await node.tryCocoonNet("doctor");
  expect(output.code, output.stdout + output.stderr).toBe(0);
});

test("a second broker for the same state ends at once and says who runs", async () => {
  const second = await node.tryCocoonNet("daemon", "--metrics-addr", "");
  expect(second.code).toBe(5);
  expect(second.stderr).toContain(`another broker (process ${node.broker.pid()})`);
  expect((await node.status()).serving).toBe(true);
});

test("teardown refuses while the broker runs", async () => {
  expect((await node.tryCocoonNet("teardown")).code).toBe(5);
  expect((await node.status()).serving).toBe(true);
});

test("status without a broker says what the files say, and ends with 3", async () => {
  await using adopted = await adoptedNode();
  const output = await adopted.node.tryCocoonNet("status");
  expect(output.code).toBe(3);
  expect(output.stdout).toContain(SUBNET);
  expect(output.stderr).toContain("next:");
});
