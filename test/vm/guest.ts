// A real virtual machine on a bridge: Linux under QEMU without KVM, its network by DHCP, driven through its serial console.
import { access } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { run } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";

const KERNEL = resolve(import.meta.dirname, "../../.setup/kernel/vmlinuz");
const INITRAMFS_SCRIPT = join(import.meta.dirname, "initramfs.sh");
const MEMORY_MIB = 160;
/** Booting takes about 2 s on an idle machine; emulation on a busy one may take many times that. */
const BOOT_LIMIT_MS = 120_000;
const COMMAND_LIMIT_MS = 60_000;
/** A busy host lets emulated timer interrupts come late: the kernel must not take that for a broken timer. */
const CONSOLE = "console=ttyS0 panic=-1 quiet loglevel=1 no_timer_check rdinit=/init";
let booted = 0;

export type GuestSetting = {
  namespace: NetworkNamespace;
  bridge: string;
  mac: string;
  /** Where the guest's first file system is packed: a folder of the test. */
  folder: string;
  /** Memory in MiB; enough for busybox when absent. */
  memory?: number;
  /** Image files of virtio disks: /dev/vda, /dev/vdb. */
  disks?: readonly string[];
  /** Further kernel modules, in the order in which they depend on each other. */
  modules?: readonly string[];
};

export type GuestLease = { ip: string; prefixLength: number; router: string; seconds: number };

export type Guest = AsyncDisposable & {
  /** The tap by which it is joined to the bridge. */
  readonly tap: string;
  /** Its newest lease, once it has one. */
  lease(): Promise<GuestLease>;
  /** How many times it was bound or renewed. */
  leaseCount(): number;
  /** Runs a shell command in it; throws unless its exit code is 0. */
  exec(command: string): Promise<string>;
  console(): string;
  /** The power cord. */
  kill(): Promise<void>;
};

/** Boots a guest and waits until its console answers; its lease may come later. */
export async function bootGuest(setting: GuestSetting): Promise<Guest> {
  await using undo = new AsyncDisposableStack();
  const { namespace, mac } = setting;
  booted += 1;
  const tap = `vm${booted}`;
  const initramfs = join(setting.folder, "initramfs.gz");
  await access(initramfs).catch(() =>
    run([INITRAMFS_SCRIPT, initramfs, ...(setting.modules ?? [])]),
  );
  await namespace.exec(["ip", "tuntap", "add", tap, "mode", "tap"]);
  undo.defer(async () => void (await namespace.attempt(["ip", "link", "del", tap])));
  await namespace.exec(["ip", "link", "set", tap, "master", setting.bridge, "up"]);
  const machine = undo.use(namespace.spawn(machineCommand(tap, setting, initramfs)));
  const console = (): string => machine.stdout() + machine.stderr();
  const until = <T>(condition: () => T | false | undefined, limit: number, what: string) =>
    waitFor(
      () => {
        if (machine.exit() !== undefined) {
          throw new Error(`the guest ended while waiting for ${what}:\n${console()}`);
        }
        return condition();
      },
      { limit, what: `${what} of guest ${mac}` },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\nits console:\n${console()}`, { cause: error });
    });
  await until(() => console().includes("GUEST-UP"), BOOT_LIMIT_MS, "the console");
  let asked = 0;
  const cleanUp = undo.move();
  return {
    tap,
    console,
    leaseCount: () => leases(console()).length,
    lease: async () =>
      until(() => leases(console()).at(-1), BOOT_LIMIT_MS, "a lease") as Promise<GuestLease>,
    async exec(command) {
      asked += 1;
      const number = asked;
      machine.write(`run ${number} ${command}\n`);
      const done = new RegExp(`^GUEST-DONE ${number} (\\d+)`, "m");
      const match = await until(() => done.exec(console()) ?? undefined, COMMAND_LIMIT_MS, command);
      const said = saidBy(console(), number);
      if (match[1] !== "0") {
        throw new Error(`in the guest, ${command}: exit code ${match[1]}\n${said}`);
      }
      return said;
    },
    async kill() {
      machine.kill("SIGKILL");
      await machine.exited;
    },
    [Symbol.asyncDispose]: () => cleanUp.disposeAsync(),
  };
}

function saidBy(console: string, number: number): string {
  const lines = console.matchAll(new RegExp(`^GUEST-SAID ${number} (.*?)\\r?$`, "gm"));
  return [...lines].map((match) => match[1]).join("\n");
}

function leases(console: string): GuestLease[] {
  const lines = console.matchAll(
    /GUEST-LEASE ([\d.]+)\/(\d+) router=(\S+) server=\S+ seconds=(\d+)/g,
  );
  return [...lines].map(([, ip = "", prefixLength, router = "", seconds]) => ({
    ip,
    prefixLength: Number(prefixLength),
    router,
    seconds: Number(seconds),
  }));
}

function machineCommand(tap: string, setting: GuestSetting, initramfs: string): string[] {
  const { mac, memory = MEMORY_MIB, disks = [] } = setting;
  const words = [
    `qemu-system-x86_64 -accel tcg -m ${memory} -nographic -no-reboot -nodefaults -serial stdio`,
    `-netdev tap,id=net0,ifname=${tap},script=no,downscript=no`,
    // Without a boot ROM: the kernel is given, and the ROM's package need not be there.
    `-device virtio-net-pci,netdev=net0,mac=${mac},romfile=`,
    ...disks.map((path) => `-drive if=virtio,format=raw,file=${path}`),
  ].flatMap((line) => line.split(" "));
  return [...words, "-kernel", KERNEL, "-initrd", initramfs, "-append", CONSOLE];
}
