// The demo's second tenant of the bridge: a virtual machine, or a namespace with a real DHCP client where none can boot.
import { join } from "node:path";
import { joinByVeth, namespaces, type NetworkNamespace } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { bootGuest } from "#test/vm/guest.ts";

const LEASE_SCRIPT = join(import.meta.dirname, "../vm/lease");
const MAC = "52:54:00:c0:c0:01";

export type Tenant = AsyncDisposable & {
  readonly kind: string;
  /** The address that DHCP gave it. */
  address(): Promise<string>;
  /** Pings from the tenant; throws without an answer. */
  ping(ip: string): Promise<void>;
};

export type TenantSetting = { namespace: NetworkNamespace; bridge: string; folder: string };

/** Boots a guest on the bridge. */
export async function virtualMachine(setting: TenantSetting): Promise<Tenant> {
  const guest = await bootGuest({ ...setting, mac: MAC });
  return {
    kind: "virtual machine",
    address: async () => (await guest.lease()).ip,
    ping: async (ip) => void (await guest.exec(`ping -c 1 -W 10 ${ip}`)),
    [Symbol.asyncDispose]: () => guest[Symbol.asyncDispose](),
  };
}

/** Joins a namespace to the bridge and runs udhcpc in it. */
export async function dhcpClient(setting: TenantSetting): Promise<Tenant> {
  await using undo = new AsyncDisposableStack();
  const net = undo.use(await namespaces("guest"));
  await joinByVeth(
    { namespace: setting.namespace, link: "guest0", bridge: setting.bridge },
    { namespace: net.guest, link: "eth0", mac: MAC },
  );
  const client = net.guest.spawn(["udhcpc", "-i", "eth0", "-f", "-t", "20", "-s", LEASE_SCRIPT]);
  undo.use(client);
  const cleanUp = undo.move();
  return {
    kind: "DHCP client in a namespace",
    address: async () =>
      waitFor(() => /GUEST-LEASE ([\d.]+)/.exec(client.stdout())?.[1], { what: "a lease" }),
    ping: async (ip) => void (await net.guest.exec(["ping", "-c", "1", "-W", "10", ip])),
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}
