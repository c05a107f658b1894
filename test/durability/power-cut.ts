// A machine whose power is cut again and again while its broker answers: every answer seen outside must be in the ledger.
// A cut is a reboot: guests keep their leases, and those of the containers are given back at the start, each by an event.

import { z } from "zod";
import type { Mac } from "#core/address.ts";
import { type GuestWire, openGuestWire } from "#test/crash/guest-wire.ts";
import { addBridge, joinByVeth, namespaces } from "#test/netns/namespaces.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { type Guest, bootGuest } from "#test/vm/guest.ts";
import { GATEWAY, makeDisks } from "./machine-disk.ts";

/** Node starts slowly where every instruction is emulated. */
const START_LIMIT_MS = 180_000;
const MEMORY_MIB = 512;
/** The power goes at a random moment within this time after the first answer. */
const SHORTEST_MS = 300;
const LONGEST_MS = 5_000;

const rows = z.array(z.object({ owner: z.string(), ip: z.string() }));
const orphaned = z.object({
  event: z.literal("lease.orphaned"),
  finding: z.literal("earlier-boot"),
  ownerText: z.string(),
  ip: z.string(),
});

export interface PowerCutReport {
  readonly cuts: number;
  readonly addsAnswered: number;
  readonly deletesAnswered: number;
  readonly acksHeard: number;
  /** Leases in the ledger after the last start. */
  readonly leased: number;
  /** In words, each answer that the ledger does not bear out. */
  readonly lost: readonly string[];
  /** Ledger conditions after each start but the first. */
  readonly conditions: readonly string[];
}

/** What was heard outside: the address of each holder, or undefined when it was told that it is released. */
type Heard = Map<string, string | undefined>;

export async function cutPower(cuts: number): Promise<PowerCutReport> {
  await using folder = await temporaryFolder();
  await using net = await namespaces("outside", "guest");
  const disks = await makeDisks(folder.path);
  await addBridge(net.outside, "br0");
  await joinByVeth(
    { namespace: net.outside, link: "guest0", bridge: "br0" },
    { namespace: net.guest, link: "eth0" },
  );
  await using wire = await openGuestWire(net.guest, "eth0");
  const guests: Heard = new Map();
  const tally = { addsAnswered: 0, deletesAnswered: 0 };
  let containers: Heard = new Map();
  const lost: string[] = [];
  const conditions: string[] = [];
  let leased = 0;
  for (let round = 0; round <= cuts; round += 1) {
    await using machine = await bootGuest({
      namespace: net.outside,
      bridge: "br0",
      mac: "52:54:00:00:00:09",
      folder: folder.path,
      memory: MEMORY_MIB,
      disks,
      modules: ["virtio_blk", "llc", "stp", "bridge"],
    });
    await startBroker(machine);
    if (round > 0) {
      const held = await readLeases(machine);
      const ended = readEnded(machine);
      leased = held.size;
      const wrong = [
        ...missing(guests, held),
        ...missing(containers, ended),
        ...doubled(held, ended),
      ];
      lost.push(...wrong.map((what) => `after cut ${round}: ${what}`));
      process.stdout.write(
        `power cut ${round}: ${guests.size} guests and ${containers.size} containers were answered, ${leased} leased, ${ended.size} ended by the reboot\n`,
      );
      conditions.push(/"condition":"(missing|damaged)"/.exec(machine.console())?.[1] ?? "sound");
    }
    if (round === cuts) break;
    await answerUntilCut(machine, wire, round, guests);
    containers = hearConsole(machine.console());
    tally.addsAnswered += containers.size;
    tally.deletesAnswered += [...containers.values()].filter((ip) => ip === undefined).length;
  }
  return {
    cuts,
    ...tally,
    acksHeard: guests.size,
    leased,
    lost,
    conditions,
  };
}

async function startBroker(machine: Guest): Promise<void> {
  const mounts = [
    "killall udhcpc",
    "mkdir -p /disk",
    "mount -t ext4 -o ro /dev/vda /disk",
    "mount -t ext4 /dev/vdb /disk/state",
    "mount -t tmpfs none /disk/run",
    "mount -t tmpfs none /disk/tmp",
    "for name in dev proc sys; do mount -o bind /$name /disk/$name; done",
    // The guests outside reach the broker through the machine's own card.
    "ip link add cni0 type bridge",
    `ip addr add ${GATEWAY}/16 dev cni0`,
    "ip link set cni0 up",
    "ip addr flush dev eth0",
    "ip link set eth0 master cni0 up",
    "(chroot /disk /broker daemon </dev/null >/dev/console 2>&1 &)",
  ];
  await machine.exec(mounts.join("; "));
  await waitFor(() => machine.console().includes('"msg":"serving"'), {
    limit: START_LIMIT_MS,
    what: "the broker in the machine",
  }).catch((cause: unknown) => {
    throw new Error(machine.console().slice(-4_000), { cause });
  });
}

/** Containers inside, guests outside, until the power goes at a moment that nobody chose. */
async function answerUntilCut(
  machine: Guest,
  wire: GuestWire,
  round: number,
  heard: Heard,
): Promise<void> {
  await machine.exec(`(chroot /disk /caller ${round * 100_000} </dev/null >/dev/null 2>&1 &)`);
  await waitFor(() => machine.console().includes("TOLD ADD"), {
    limit: START_LIMIT_MS,
    what: "the first answer",
  });
  const delay = SHORTEST_MS + Math.random() * (LONGEST_MS - SHORTEST_MS);
  const cut = new AbortController();
  const timer = setTimeout(() => {
    cut.abort();
    void machine.kill();
  }, delay);
  for (let number = 1; !cut.signal.aborted; number += 1)
    await leaseOutside(wire, round, number, heard, cut.signal);
  clearTimeout(timer);
  await machine.kill();
}

/** One guest's exchange, given up when the power goes; what it heard counts. */
async function leaseOutside(
  wire: GuestWire,
  round: number,
  number: number,
  heard: Heard,
  cut: AbortSignal,
): Promise<void> {
  const octets = [round, number >> 8, number & 0xff].map((octet) =>
    octet.toString(16).padStart(2, "0"),
  );
  const mac = `02:6b:00:${octets.join(":")}` as Mac;
  const reply = async (xid: number) => {
    const found = await waitFor(async () => cut.aborted || (await wire.heard(xid))[0], {
      what: "a reply or the cut",
    });
    return found === true ? (await wire.heard(xid))[0] : found;
  };
  const offer = await reply(await wire.send({ type: "discover", mac }));
  if (offer === undefined) return;
  const request = { type: "request", mac, requested: offer.ip, serverId: GATEWAY } as const;
  const answer = await reply(await wire.send(request));
  if (answer?.type === "ack") heard.set(`guest ${mac}`, answer.ip);
}

/** What the containers of this boot were told. */
function hearConsole(console: string): Heard {
  const heard: Heard = new Map();
  for (const [, verb, id, answer] of console.matchAll(/TOLD (ADD|DEL) (\S+) (.*?) ?END/g)) {
    const holder = `container ${id} eth0 (power)`;
    const ip = /"address": ?"([\d.]+)\//.exec(answer ?? "")?.[1];
    if (verb === "ADD" && ip !== undefined) heard.set(holder, ip);
    else if (verb === "DEL" && answer === "") heard.set(holder, undefined);
    else throw new Error(`the plugin answered ${verb} ${id} with ${answer}`);
  }
  // The one that was under way at the cut may have been made or not: both are right.
  const [verb, id] = [...console.matchAll(/ASKS (ADD|DEL) (\S+) END/g)].at(-1)?.slice(1) ?? [];
  if (verb === "DEL" && !console.includes(`TOLD DEL ${id} `))
    heard.delete(`container ${id} eth0 (power)`);
  return heard;
}

/** By holder, out of the machine's own command. */
async function readLeases(machine: Guest): Promise<ReadonlyMap<string, string>> {
  const text = await machine.exec(
    "chroot /disk /broker leases --socket /run/broker.sock --output json --state leased 2>/dev/null",
  );
  return new Map(rows.parse(JSON.parse(text)).map(({ owner, ip }) => [owner, ip]));
}

/** The containers' leases that this start found in the ledger, by holder. */
function readEnded(machine: Guest): ReadonlyMap<string, string> {
  const lines = machine
    .console()
    .split("\n")
    .filter((line) => line.includes('"lease.orphaned"'));
  return new Map(
    lines.map((line) => {
      const { ownerText, ip } = orphaned.parse(JSON.parse(line.slice(line.indexOf("{"))));
      return [ownerText, ip];
    }),
  );
}

function missing(heard: Heard, found: ReadonlyMap<string, string>): string[] {
  return [...heard]
    .filter(([holder, ip]) => found.get(holder) !== ip)
    .map(
      ([holder, ip]) =>
        `${holder} was told ${ip ?? "released"}, the ledger has ${found.get(holder) ?? "nothing"}`,
    );
}

function doubled(...tables: readonly ReadonlyMap<string, string>[]): string[] {
  const all = tables.flatMap((table) => [...table.values()]);
  return all.filter((ip, index) => all.indexOf(ip) !== index).map((ip) => `${ip} is held twice`);
}
