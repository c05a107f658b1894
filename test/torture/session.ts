// One node under torture: the machine, the broker of the moment, and the model of what it told; deaths and starts between.

import type { Ip } from "#core/address.ts";
import { ipFromNumber } from "#core/address.ts";
import { isAllocatable } from "#core/pool.ts";
import { type TortureBroker, poolOf, startTortureBroker } from "./broker.ts";
import type { Namespace } from "./machine.ts";
import { Machine } from "./machine.ts";
import { Fate } from "./mortal.ts";
import { type Began, Model } from "./model.ts";
import type { Kill } from "./operation.ts";
import type { Plan } from "./generate.ts";
import { Contradiction, type Scene, judge } from "./oracle.ts";
import type { SyncedFile } from "./synced-file.ts";

/** Starts that may die one after the other before it counts as a broker that cannot start. */
const MAX_STARTS = 8;

/** Thrown into whatever waits for a broker that has died. */
export class Died extends Error {}

/** What lives in a slot now. */
export interface Pod {
  readonly id: string;
  namespace: Namespace | undefined;
  /** What its interfaces' ADDs were answered with. */
  readonly results: Map<string, unknown>;
  /** The newest call to take each of its interfaces away. */
  readonly removed: Map<string, Began>;
}

export interface Counts {
  operations: number;
  /** Operations that found no free address in the pool. */
  full: number;
  /** Operations that were under way when the broker died, or waited for it. */
  killed: number;
  restarts: number;
  powerCuts: number;
  readonly byOperation: Map<string, number>;
}

export class Session {
  readonly plan: Plan;
  readonly machine: Machine;
  readonly model: Model;
  readonly fate = new Fate();
  readonly counts: Counts;
  readonly addresses: readonly Ip[];
  readonly pods = new Map<number, Pod>();
  /** The pod that was released last in each slot. */
  readonly buried = new Map<number, Pod>();
  /** A change of the machine that the broker has not put right yet. */
  disturbed = false;
  /** DHCP transactions so far. */
  transactions = 0;
  /** When each guest will have been quiet long enough to be as good as new. */
  readonly quietFrom = new Map<string, number>();
  #broker: TortureBroker | undefined;
  #instances = 0;

  constructor(plan: Plan, folder: string, disk: SyncedFile, counts: Counts) {
    this.plan = plan;
    this.counts = counts;
    this.machine = new Machine(folder, disk);
    this.model = new Model(this.machine.bootId);
    const pool = poolOf(plan.prefix);
    const all = Array.from({ length: 2 ** (32 - plan.prefix) }, (_, index) =>
      ipFromNumber(4, 0x0acb0000n + BigInt(index)),
    );
    this.addresses = all.filter((one) => isAllocatable(pool.sets[0] ?? [], one) !== undefined);
  }

  get broker(): TortureBroker {
    if (this.#broker === undefined) throw new Error("no broker was started");
    return this.#broker;
  }

  /** Whether refusals are under way, so that an answer may be an error and a datagram stay without effect. */
  get shaky(): boolean {
    const { kernel } = this.machine;
    return this.fate.refusingCommits > 0 || kernel.refusing > 0 || kernel.lost;
  }

  pod(slot: number): Pod {
    const known = this.pods.get(slot);
    if (known !== undefined) return known;
    this.#instances += 1;
    const pod = {
      id: `c${slot}-${this.#instances}`,
      namespace: undefined,
      results: new Map<string, unknown>(),
      removed: new Map<string, Began>(),
    };
    this.pods.set(slot, pod);
    return pod;
  }

  /** The pod's namespace goes; the model hears of it. */
  endPod(slot: number): void {
    const pod = this.pods.get(slot);
    if (pod === undefined) return;
    if (pod.namespace !== undefined) this.machine.endNamespace(pod.namespace);
    for (const container of this.model.containers.values())
      if (container.id === pod.id) container.diedAt ??= this.model.now;
    this.pods.delete(slot);
  }

  pass(milliseconds: number): void {
    this.machine.elapsed += milliseconds;
    this.model.now = this.machine.elapsed;
  }

  /** Waits for something of the broker; throws {@link Died} when it dies first. */
  async alive<Result>(work: Promise<Result>): Promise<Result> {
    return Promise.race([
      work,
      this.broker.death.then(() => {
        throw new Died();
      }),
    ]);
  }

  async begin(): Promise<void> {
    this.machine.restoreLedger(Buffer.alloc(0));
    await this.#start();
  }

  async end(): Promise<void> {
    await this.#broker?.bury();
    this.machine.clear();
  }

  /** What follows the death of a broker: the machine may die too, then the next broker starts on what the disk kept. */
  async restart({ power, released, again }: Kill, spool: (slot: number) => void): Promise<void> {
    let image = await this.broker.death;
    const dead = this.broker;
    this.counts.restarts += 1;
    this.fate.at = again;
    this.fate.refusingCommits = 0;
    this.machine.kernel.refusing = 0;
    this.disturbed = true;
    if (power) {
      this.counts.powerCuts += 1;
      this.pods.clear();
      this.machine.reboot();
      this.model.rebooted(this.machine.bootId);
    } else this.model.restarted();
    for (const slot of released) spool(slot);
    await dead.bury();
    for (let starts = 0; starts < MAX_STARTS; starts += 1) {
      this.machine.restoreLedger(image);
      const next = await this.#start();
      if (next === undefined) return;
      image = next;
    }
    throw new Contradiction(`the broker did not start in ${MAX_STARTS} tries`);
  }

  /** Undefined when it serves; what its disk holds when it died on the way. */
  async #start(): Promise<Buffer | undefined> {
    let unborn: Pick<TortureBroker, "bury"> | undefined;
    const died = Promise.withResolvers<Buffer>();
    const starting = startTortureBroker(this.machine, this.plan.prefix, this.fate, (broker) => {
      unborn = broker;
      void broker.death.then(died.resolve);
    });
    const first = await Promise.race([starting, died.promise]);
    if (Buffer.isBuffer(first)) {
      await unborn?.bury();
      this.counts.restarts += 1;
      return first;
    }
    this.#broker = first;
    this.fate.at = undefined;
    // The start drained the spool, and routes follow at once.
    this.applySpool();
    await this.resync();
    return undefined;
  }

  async resync(): Promise<void> {
    const { kernel } = this.machine;
    if (kernel.lost) return;
    if (await this.alive(this.broker.resync())) this.disturbed = false;
  }

  /** A look into the spool: when nothing is left, what lay in it has been done. */
  lookIntoSpool(): void {
    if (this.machine.spoolIsEmpty()) this.applySpool();
  }

  /** The spool is empty: what lay in it has been done. */
  applySpool(): void {
    for (const { key, began, named } of this.model.spooled) {
      const container = this.model.containers.get(key);
      if (container === undefined) continue;
      const found = container.word === "held";
      this.model.released(container, began);
      if (named || found) this.model.bury(container, began);
    }
    this.model.spooled = [];
  }

  scene(): Scene {
    const { machine, broker, model, disturbed } = this;
    return { machine, broker, model, disturbed };
  }

  judge(): void {
    judge(this.scene());
  }

  /** Addresses of the pool that are free and not offered. */
  free(): number {
    return this.addresses.filter((one) => this.broker.ledger.isFree(one)).length;
  }
}
