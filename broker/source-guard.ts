// Task: keeps the table that lets guests' ports send only as their guests; without `--guest-mac-check`, sees that none is left.

import { type Ip, type Mac, parseMac } from "#core/address.ts";
import type { Ledger } from "#core/ledger.ts";
import type { Millis } from "#core/time.ts";
import { createFights } from "#broker/node/fights.ts";
import type { NodeLinks, NodeTables } from "#broker/node/ports.ts";
import {
  type BridgePorts,
  SOURCE_TABLE,
  boundIn,
  bridgePorts,
  sourceTablePrint,
  sourceTableText,
} from "#broker/node/source-table.ts";
import type { GuestPorts } from "./guest-ports.ts";
import { type Task, pause } from "./task.ts";

/** A look at what the kernel holds, in milliseconds: it says nothing of its own accord. */
const PERIOD = 10_000;
/** Changes that come together are answered once. */
const SETTLE_TIME = 100;

export interface SourceGuardOptions {
  readonly enabled: boolean;
  /** Whether anything else goes by who is behind which port. */
  readonly watched: boolean;
  readonly bridge: string;
  readonly tables: NodeTables;
  readonly links: Pick<NodeLinks, "observe">;
  readonly ledger: Ledger;
  readonly ports: GuestPorts;
  readonly now: () => Millis;
  /** Index of an interface; undefined when there is none of that name. */
  readonly indexOf: (name: string) => number | undefined;
  /** Finds out of new guests' ports whether they are containers'. */
  readonly judge: () => Promise<void>;
  /** The table was written; `drift`: though nothing of ours had changed. */
  readonly wrote: (drift: boolean) => void;
  /** Once per fight: somebody else keeps changing the table. */
  readonly fought: () => void;
  readonly trouble: (what: string, error: Error) => void;
}
export interface SourceGuard extends Task {
  /** Before the first request is answered. Rejects where the table cannot be made. */
  start(): Promise<void>;
  /** Leases or ports changed: look soon. */
  touch(): void;
  /** Resolves once the guest's addresses may be used on its port; rejects when the table could not be written. */
  admit(mac: Mac): Promise<void>;
}

export function createSourceGuard(options: SourceGuardOptions): SourceGuard {
  const { enabled, bridge, tables, links, ledger, ports } = options;
  let standing: BridgePorts = { taps: [], elsewhere: [] };
  let written: (Desired & { readonly print: string }) | undefined;
  const fights = createFights();
  let checked = Number.NEGATIVE_INFINITY;
  let early = new AbortController();
  let turn: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;

  const write = async (desired: Desired, drift: boolean): Promise<void> => {
    written = undefined;
    await tables.write(desired.text);
    const listing = await tables.list(SOURCE_TABLE);
    if (listing !== undefined) written = { ...desired, print: sourceTablePrint(listing) };
    options.wrote(drift);
  };
  const follow = async (): Promise<void> => {
    const desired = desiredTable(standing, ledger, ports);
    if (desired.text !== written?.text) await write(desired, false);
  };
  const find = (): Promise<void> => {
    ports.sweep();
    ports.look();
    return options.judge();
  };
  const look = async (): Promise<void> => {
    await find();
    standing = bridgePorts(await links.observe(), bridge);
  };
  const check = async (): Promise<void> => {
    const desired = desiredTable(standing, ledger, ports);
    if (desired.text !== written?.text) return write(desired, false);
    const listing = await tables.list(SOURCE_TABLE);
    const same = listing !== undefined && sourceTablePrint(listing) === written.print;
    if (same || !fights.mayRepair(SOURCE_TABLE, options.now())) return;
    await write(desired, true);
    if (fights.repaired(SOURCE_TABLE, options.now())) options.fought();
  };
  /** One at a time; whoever asks while one runs shares the one after it, which sees what they changed. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const result = turn.then(work);
    turn = result.catch(() => undefined);
    return result;
  };
  const followSoon = (): Promise<void> => {
    next ??= inTurn(() => {
      next = undefined;
      return follow();
    });
    return next;
  };
  const untilCheck = (): number => Math.max(0, checked + PERIOD - performance.now());
  /** Changes alone do not show what somebody else did to the table: that is looked at every period, however busy. */
  const turnOnce = async (): Promise<void> => {
    const due = untilCheck() === 0;
    // Also when the look fails: the next one is a period away.
    if (due) checked = performance.now();
    await look();
    await (due ? inTurn(check) : followSoon());
  };
  const trouble = (thrown: unknown): void =>
    options.trouble(
      "guest MAC check",
      thrown instanceof Error ? thrown : new Error(String(thrown)),
    );
  const removeLeftOver = async (): Promise<void> => {
    if ((await tables.list(SOURCE_TABLE)) !== undefined) await tables.remove(SOURCE_TABLE);
  };

  return {
    name: "source guard",
    async start() {
      if (!enabled) return;
      const before = await tables.list(SOURCE_TABLE);
      if (before !== undefined) recall(before, options);
      await look();
      await inTurn(() => write(desiredTable(standing, ledger, ports), false));
    },
    touch() {
      if (enabled) early.abort();
    },
    admit: (mac) => {
      if (!enabled) return Promise.resolve();
      const place = ports.placeOf(mac);
      if (place !== undefined && ports.isContainers(place)) return Promise.resolve();
      const stands = ports
        .addressesOf(mac)
        .every((ip) => written?.admitted.has(admission(place, mac, ip)));
      return stands ? Promise.resolve() : followSoon();
    },
    async run(signal) {
      if (!enabled) await removeLeftOver().catch(trouble);
      while (!signal.aborted) {
        if (early.signal.aborted) await pause(SETTLE_TIME, signal);
        early = new AbortController();
        if (enabled) await turnOnce().catch(trouble);
        else if (options.watched) await find().catch(trouble);
        await pause(enabled ? untilCheck() : PERIOD, AbortSignal.any([signal, early.signal]));
      }
    },
  };
}

/** The table outlives the broker: it remembers which guest was behind which port. */
function recall(listing: string, { ports, indexOf }: SourceGuardOptions): void {
  for (const { port, mac: text } of boundIn(listing)) {
    const mac = parseMac(text);
    const index = indexOf(port);
    if (mac !== undefined && index !== undefined && ports.hasLease(mac)) ports.place(mac, index);
  }
}

interface Desired {
  readonly text: string;
  /** What the text lets through, as {@link admission} words it. */
  readonly admitted: ReadonlySet<string>;
}

function desiredTable(standing: BridgePorts, ledger: Ledger, ports: GuestPorts): Desired {
  const bound = [...ports.placed()]
    .filter(([, port]) => !ports.isContainers(port))
    .map(([mac, port]) => ({ port, mac, ips: ports.addressesOf(mac) }))
    .filter(({ ips }) => ips.length > 0)
    .toSorted((one, other) => (one.mac < other.mac ? -1 : 1));
  const strangers = new Set<Mac>();
  for (const { state, mac } of ledger.leases())
    if (state === "leased" && mac !== undefined && ports.placeOf(mac) === undefined)
      strangers.add(mac);
  const waiting = [...strangers]
    .toSorted()
    .flatMap((mac) => ports.addressesOf(mac).map((ip) => ({ mac, ip })));
  const admitted = new Set([
    ...bound.flatMap(({ port, mac, ips }) => ips.map((ip) => admission(port, mac, ip))),
    ...waiting.map(({ mac, ip }) => admission(undefined, mac, ip)),
  ]);
  return { text: sourceTableText({ ...standing, bound, waiting }), admitted };
}

const admission = (port: number | undefined, mac: Mac, ip: Ip): string =>
  `${port ?? "any"} ${mac} ${ip}`;
