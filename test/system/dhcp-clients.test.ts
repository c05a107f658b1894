// Real DHCP clients on a bridge: each gets an address, with and without the broadcast flag, and gives it back.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import * as z from "zod/mini";
import { waitFor } from "#test/netns/wait-for.ts";
import { dhcpSetting, GUEST_MAC, type DhcpSetting } from "#test/system/dhcp-setting.ts";

const ADDRESS = "10.92.0.2";

const countersSchema = z.object({
  received: z.object({ discover: z.number(), request: z.number(), release: z.number() }),
  sent: z.object({ offer: z.number(), ack: z.number(), nak: z.number() }),
  dropped: z.strictObject({}),
});

const counters = async (net: DhcpSetting): Promise<string> =>
  JSON.stringify(await net.server.ask("counters"));
const leaseIs = (net: DhcpSetting, state: string) =>
  waitFor(
    async () =>
      JSON.stringify(await net.server.ask("leases")).includes(`"${ADDRESS} ${state} ${GUEST_MAC}"`),
    {
      what: `${ADDRESS} to be ${state}`,
    },
  );

describe.each([
  ["unicast", [] as string[]],
  ["broadcast", ["-B"]],
])("udhcpc that wants %s", (_what, flags) => {
  test("binds, renews at its own address, releases", async () => {
    await using net = await dhcpSetting();
    const always = ["-f", "-i", "eth0", "-s", net.script, "-O", "121", "-O", "search"];
    await using client = net.guest.spawn(["udhcpc", ...always, ...flags]);
    await leaseIs(net, "leased");
    await waitFor(() => client.stdout().includes(`script: bound ${ADDRESS}`), { what: "bound" });
    client.kill("SIGUSR1");
    await waitFor(() => client.stdout().includes(`script: renew ${ADDRESS}`), {
      what: "the renewal",
    });
    client.kill("SIGUSR2");
    await leaseIs(net, "cooling");
    const { received } = await everythingAnswered(net);
    expect(received.request).toBeGreaterThanOrEqual(2);
  });
});

describe.each([
  ["unicast", ""],
  ["broadcast", "bootp-broadcast-always;"],
])("dhclient that wants %s", (_what, line) => {
  test("binds and releases", async () => {
    await using net = await dhcpSetting();
    const files = await dhclientFiles(net, line);
    await net.guest.exec(["dhclient", "-4", "-1", "-v", ...files, "eth0"]);
    await leaseIs(net, "leased");
    await net.guest.exec(["dhclient", "-4", "-r", "-v", ...files, "eth0"]);
    await leaseIs(net, "cooling");
    await everythingAnswered(net);
  });
});

test("dhclient that remembers an address of another subnet is refused and binds afresh", async () => {
  await using net = await dhcpSetting();
  const files = await dhclientFiles(net, "");
  await writeFile(
    join(net.folder, "leases"),
    `lease {
  interface "eth0";
  fixed-address 172.16.5.5;
  option subnet-mask 255.255.255.0;
  option dhcp-server-identifier 172.16.5.1;
  renew never; rebind never; expire never;
}
`,
  );
  await net.guest.exec(["dhclient", "-4", "-1", "-v", ...files, "eth0"]);
  await leaseIs(net, "leased");
  expect(await net.server.ask("counters")).toMatchObject({ sent: { nak: 1, offer: 1, ack: 1 } });
  await net.guest.exec(["dhclient", "-4", "-x", ...files, "eth0"]);
});

describe.each([
  ["unicast", [] as string[]],
  ["broadcast", ["--broadcast"]],
])("dhcpcd that wants %s", (_what, flags) => {
  test("binds and releases", async () => {
    await using net = await dhcpSetting();
    // Its state folders are fixed: they are covered in a mount namespace of its own.
    const covered = 'mount -t tmpfs none /var/lib/dhcpcd && mount -t tmpfs none /run && exec "$@"';
    const command = [
      "dhcpcd",
      "-4",
      "--nobackground",
      "--noipv4ll",
      "--nodelay",
      "-f",
      "/dev/null",
      "-c",
      net.script,
      ...flags,
      "eth0",
    ];
    // It has children of its own, which end with the namespace where it does not end them.
    const client = net.guest.spawn([
      "unshare",
      "-m",
      "sh",
      "-c",
      `mkdir -p /var/lib/dhcpcd && ${covered}`,
      "dhcpcd",
      ...command,
    ]);
    await leaseIs(net, "leased");
    // The process that sends its unicasts comes last; before it listens a RELEASE goes nowhere.
    await waitFor(async () => (await net.guest.exec(["ss", "-Hlun"])).includes(`${ADDRESS}:68`), {
      what: `the end of dhcpcd's set-up: ${client.stderr()}`,
    });
    // It removes its address right behind the RELEASE, which is lost if the server's MAC is still being asked for.
    await net.guest.exec(["ping", "-c", "1", "-W", "5", "10.92.0.1"]);
    client.kill("SIGALRM");
    await leaseIs(net, "cooling");
    await client.exited;
    expect(await counters(net)).toContain('"nak":0');
  });
});

/** On a busy machine a client may ask a second time: as many answers as questions, and no other. */
async function everythingAnswered(net: DhcpSetting): Promise<z.infer<typeof countersSchema>> {
  const found = z.parse(countersSchema, await net.server.ask("counters"));
  const { received, sent } = found;
  expect(sent).toEqual({ offer: received.discover, ack: received.request, nak: 0 });
  expect(received.release).toBeGreaterThanOrEqual(1);
  return found;
}

/** Nothing of the machine's own configuration, leases or hooks is used. */
async function dhclientFiles(net: DhcpSetting, line: string): Promise<string[]> {
  const at = (name: string) => join(net.folder, name);
  await writeFile(
    at("dhclient.conf"),
    `${line}\nrequest subnet-mask, routers, domain-name-servers;\n`,
  );
  await writeFile(at("leases"), "");
  return ["-cf", at("dhclient.conf"), "-lf", at("leases"), "-pf", at("pid"), "-sf", net.script];
}
