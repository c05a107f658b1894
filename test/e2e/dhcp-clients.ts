// Real DHCP clients in a guest's namespace, driven alike: bound, renewed, released, with nothing of the machine's own state.
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { attempt, type Running } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import type { Guest } from "#test/e2e/node.ts";

export type ClientName = "udhcpc" | "dhclient" | "dhcpcd";
export const CLIENT_NAMES: readonly ClientName[] = ["udhcpc", "dhclient", "dhcpcd"];

export type Client = AsyncDisposable & {
  /** Waits for its address and gives it. */
  address(): Promise<string>;
  /** Makes it ask for more time, and waits until it was given. */
  renew(): Promise<void>;
  /** Makes it give its address back. */
  release(): Promise<void>;
  /** What it said on its outputs. */
  said(): string;
};

type Files = { folder: string; script: string; at: (name: string) => string };

const BOUND = "bound|BOUND|REBOOT";
const RENEWED = "renew|RENEW";
const DHCLIENT_RENEWAL_SECONDS = 3;

/** Starts the client on the guest's eth0; its files are in a folder of the guest's own, so that it remembers. */
export async function bindGuest(name: ClientName, guest: Guest, folder: string): Promise<Client> {
  const own = join(folder, `client-${guest.mac.replaceAll(":", "")}`);
  await mkdir(own, { recursive: true });
  const at = (file: string): string => join(own, file);
  const files = { folder: own, script: at("script"), at };
  await writeFile(files.script, scriptText(at("log")));
  await chmod(files.script, 0o755);
  await writeFile(at("log"), "");
  const running = guest.namespace.spawn(await COMMANDS[name](files));
  const said = (): string => running.stdout() + running.stderr();
  const log = (): Promise<string> => readFile(at("log"), "utf8");
  const hears = (states: string, after: number): Promise<string> =>
    waitFor(
      async () => new RegExp(`^(?:${states}) ([\\d.]+)`, "m").exec((await log()).slice(after))?.[1],
      { what: `${name} to be ${states}` },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${said()}`, { cause: error });
    });
  return {
    said,
    address: () => hears(BOUND, 0),
    async renew() {
      const before = (await log()).length;
      await RENEW[name](running);
      await hears(RENEWED, before);
    },
    release: () => RELEASE[name](running, guest, files),
    async [Symbol.asyncDispose]() {
      // Some are several processes, of which the others hold the outputs open.
      const everyone = `kill -9 $(ip netns pids ${guest.namespace.name})`;
      await attempt(["sh", "-c", everyone]);
      await running[Symbol.asyncDispose]();
    },
  };
}

/** Called by each client at every change: applies it and notes it, in one form for the three. */
const scriptText = (log: string): string => `#!/bin/sh
address=\${new_ip_address:-$ip}
state=\${reason:-$1}
mtu=\${new_interface_mtu:-$mtu}
gateway=\${new_routers:-$router}
case $state in
  ${BOUND} | ${RENEWED})
    ip addr replace "$address/24" dev "$interface"
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    [ -z "$gateway" ] || ip route replace default via "\${gateway%% *}" dev "$interface"
    ;;
esac
echo "$state $address" >>${log}
`;

const COMMANDS: Record<ClientName, (files: Files) => Promise<string[]>> = {
  udhcpc: async ({ script }) => ["udhcpc", "-f", "-i", "eth0", "-s", script, "-O", "mtu", "-R"],
  async dhclient({ script, at }) {
    const requested = "request subnet-mask, routers, domain-name-servers, interface-mtu;\n";
    const early = `supersede dhcp-renewal-time ${DHCLIENT_RENEWAL_SECONDS};\n`;
    await writeFile(at("dhclient.conf"), requested + early);
    await writeFile(at("leases"), "", { flag: "a" });
    return ["dhclient", "-4", "-d", "-v", ...dhclientFiles(at), "-sf", script, "eth0"];
  },
  async dhcpcd({ folder, script }) {
    await mkdir(join(folder, "state"), { recursive: true });
    // Its state folders are fixed; they are covered in a mount namespace of its own.
    const covered = [
      "mkdir -p /var/lib/dhcpcd",
      `mount --bind ${folder}/state /var/lib/dhcpcd`,
      "mount -t tmpfs none /run",
      'exec "$@"',
    ].join(" && ");
    const options = "-4 -B --noipv4ll --nodelay --noarp -o interface_mtu -f /dev/null -c";
    const command = ["dhcpcd", ...options.split(" "), script, "eth0"];
    return ["unshare", "-m", "sh", "-c", covered, "sh", ...command];
  },
};

function dhclientFiles(at: (name: string) => string): string[] {
  return ["-cf", at("dhclient.conf"), "-lf", at("leases"), "-pf", at("pid")];
}

const RENEW: Record<ClientName, (running: Running) => Promise<void>> = {
  udhcpc: async (running) => running.kill("SIGUSR1"),
  // It has no signal for that: its timer decides, which its configuration sets to seconds.
  dhclient: async () => undefined,
  dhcpcd: async (running) => running.kill("SIGUSR1"),
};

const RELEASE: Record<ClientName, (running: Running, guest: Guest, files: Files) => Promise<void>> =
  {
    udhcpc: async (running) => running.kill("SIGTERM"),
    async dhclient(_running, guest, { at, script }) {
      const command = ["dhclient", "-4", "-r", ...dhclientFiles(at), "-sf", script, "eth0"];
      await guest.namespace.exec(command);
    },
    dhcpcd: async (running) => running.kill("SIGALRM"),
  };
