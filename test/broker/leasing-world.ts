// A writer between a disk and a kernel that answer when, and as badly as, a test says; and what was promised to whom.

import { expect } from "vitest";
import { type Ip, type Mac, ip, ipv4FromUint, ipv4ToUint } from "#core/address.ts";
import { type AttachOutcome, decideAttach } from "#core/attach.ts";
import { decideConfirm, decideDetach } from "#core/detach.ts";
import type { RouteChange } from "#core/effects.ts";
import { decideBind, decideGuestRelease } from "#core/guest.ts";
import type { HostRoute } from "#core/ports.ts";
import { Ledger, guestKey } from "#core/ledger.ts";
import { type Lease, type OwnerKey, ownerKey } from "#core/lease.ts";
import {
  type Change,
  type LedgerRecord,
  type RecordKey,
  leaseKey,
  recordKey,
} from "#core/record.ts";
import { resyncRoutes } from "#broker/resync.ts";
import { container, pool, stamp } from "#test/core/lease-fixtures.ts";
import { leasingOn } from "#test/fakes/leasing-on.ts";

export type Failing = "nothing" | "adding" | "deleting" | "everything";

/** What somebody was told: void from the moment at which its holder asks to give it back. */
interface Claim {
  readonly ip: Ip;
  readonly sequence: number;
  readonly holder: OwnerKey;
}

/** Everything that needs no commit, route or timer to end has happened. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 4; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const addressAt = (place: number): Ip => ipv4FromUint(ipv4ToUint(ip("10.9.0.2")) + place);

export class World {
  readonly ledger = new Ledger();
  readonly disk = new Map<RecordKey, LedgerRecord>();
  readonly kernel = new Map<Ip, Mac | undefined>();
  /** Addresses whose removal the kernel refused: their routes may stand until the next resync. */
  readonly left = new Set<Ip>();
  failing: Failing = "nothing";
  readonly #commits: ((error?: Error) => void)[] = [];
  readonly #routings: (() => void)[] = [];
  /** Resyncs between reading the kernel and looking at the ledger. */
  readonly #reads: (() => void)[] = [];
  /** After a failure memory, disk and kernel may differ until the next resync. */
  resyncDue = false;
  readonly #claims = new Map<OwnerKey, Claim[]>();
  /** Sequence numbers of which anybody was told. */
  readonly #told = new Set<number>();
  readonly #releases = new Map<OwnerKey, number>();
  #boottime = 1;
  #open = 0;
  readonly #pool = pool();
  readonly leasing = leasingOn(
    this.ledger,
    {
      persist: (_cause, changes) => this.#persist(changes),
      route: (_cause, changes) => this.#route(changes),
    },
    (what) => void (this.resyncDue ||= what === "commit" || what.startsWith("route ")),
  );

  get commits(): number {
    return this.#commits.length;
  }

  /** One that asks for an address gives up another that it has. */
  add(id: string, address?: Mac, wanted?: number): Promise<void> {
    const holder = ownerKey(container(id));
    const requested = wanted === undefined ? [] : [addressAt(wanted)];
    if (wanted !== undefined) this.#gaveBack(holder);
    const attachment = { netns: "/n", stamp: stamp(this.#boottime++) };
    const released = this.#releases.get(holder);
    return this.#watch(
      this.leasing.submit("ADD", (state, moment) => {
        const request = { owner: container(id), attachment, pool: this.#pool, requested };
        const own = address === undefined ? {} : { mac: address };
        return decideAttach(state, { ...request, strict: false, ...own }, moment);
      }),
      (outcome: AttachOutcome) => {
        if (outcome.kind === "refused") return;
        for (const lease of outcome.leases) this.#promised(lease, holder, holder, released);
      },
    );
  }

  del(id: string): Promise<void> {
    const holder = ownerKey(container(id));
    const request = { ...container(id), stamp: stamp(this.#boottime++) };
    this.#gaveBack(holder);
    return this.#watch(
      this.leasing.submit("DEL", (state, moment) => decideDetach(state, request, moment)),
    );
  }

  confirm(id: string): Promise<void> {
    const key = ownerKey(container(id));
    const sequences = this.ledger.heldBy(key).map(({ sequence }) => sequence);
    return this.#watch(
      this.leasing.submitPatiently("CONFIRM", (state) => decideConfirm(state, { key, sequences })),
    );
  }

  /** A guest's REQUEST; where a container has the MAC, what is promised hangs on the container's lease. */
  request(address: Mac, wanted: number): Promise<void> {
    const [own = this.ledger.heldBy(guestKey(address))[0]] = this.ledger.containersOfMac(address);
    const asked = own?.ip ?? addressAt(wanted);
    const releases = new Map(this.#releases);
    let decidedOn: Lease | undefined;
    return this.#watch(
      this.leasing.submit("REQUEST", (state, moment) => {
        const bind = { mac: address, ip: asked, mode: "selecting", seconds: 3_600 } as const;
        const decision = decideBind(state, this.#pool, bind, moment);
        const [own] = state.containersOfMac(address);
        const fresh = decision.changes.flatMap((change) =>
          change.op === "put" && change.record.kind === "lease" ? [change.record.lease] : [],
        );
        decidedOn = own ?? fresh.find((lease) => lease.ip === asked && lease.state === "leased");
        return decision;
      }),
      (outcome) => {
        if (outcome.kind !== "bound" || decidedOn?.owner === undefined) return;
        const gives = ownerKey(decidedOn.owner);
        this.#promised(decidedOn, guestKey(address), gives, releases.get(gives));
      },
    );
  }

  release(address: Mac): Promise<void> {
    const [held] = this.ledger.heldBy(guestKey(address));
    if (held === undefined) return Promise.resolve();
    this.#gaveBack(guestKey(address));
    return this.#watch(
      this.leasing.submit("RELEASE", (state, moment) =>
        decideGuestRelease(state, address, held.ip, moment, "dhcp-release"),
      ),
    );
  }

  async endCommit(error?: Error): Promise<void> {
    this.#commits.shift()?.(error);
    await settle();
  }

  /** The answer of any group's routes, whichever came first. */
  async endRouting(which: number): Promise<void> {
    this.#routings.splice(which % Math.max(1, this.#routings.length), 1)[0]?.();
    await settle();
  }

  /** Routes put right beside everything else: what the kernel has is read now, and compared when {@link endRead} says. */
  resync(): Promise<void> {
    const have = [...this.kernel].map(([address, at]): HostRoute =>
      at === undefined ? { ip: address } : { ip: address, mac: at },
    );
    const list = () =>
      new Promise<readonly HostRoute[]>((resolve) => this.#reads.push(() => resolve(have)));
    return this.#watch(
      resyncRoutes(this.ledger, { list, apply: (changes) => this.#route(changes) }),
    );
  }

  async endRead(): Promise<void> {
    this.#reads.shift()?.();
    await settle();
  }

  /** All goes well from here on, until nobody waits; then one more command comes. */
  async calm(): Promise<void> {
    this.failing = "nothing";
    const last = () =>
      this.leasing.submit("SWEEP", () => ({ changes: [], routes: [], events: [], outcome: 0 }));
    await this.#finish();
    void last();
    await this.#finish();
  }

  /** As the route keeper does after trouble. */
  async putRight(): Promise<void> {
    if (!this.resyncDue) return;
    void this.resync();
    await this.#finish();
    expect([...this.left].filter((address) => this.kernel.has(address))).toEqual([]);
  }

  async #finish(): Promise<void> {
    await settle();
    while (this.#commits.length + this.#routings.length + this.#reads.length > 0) {
      await this.endRead();
      await this.endCommit();
      await this.endRouting(0);
    }
  }

  /** What must hold when nothing is on its way: disk, memory, kernel and what people were told agree. */
  check(): void {
    expect(this.#open).toBe(0);
    const again = new Ledger();
    again.fill([...this.disk.values()]);
    const view = (ledger: Ledger) =>
      [...ledger.leases()].toSorted((one, other) => (one.ip < other.ip ? -1 : 1));
    expect(view(again)).toEqual(view(this.ledger));
    expect(again.sequence).toBeGreaterThanOrEqual(Math.max(0, ...this.#told));
    const routed = view(this.ledger).filter(({ state }) => state === "leased");
    for (const lease of routed) {
      expect(this.kernel.has(lease.ip), `route of ${lease.ip}`).toBe(true);
      expect(this.#told.has(lease.sequence), `${lease.ip} is kept, of which nobody knows`).toBe(
        true,
      );
    }
    const wanted = new Set(routed.map((lease) => lease.ip));
    for (const address of this.kernel.keys())
      if (!wanted.has(address)) expect(this.left).toContain(address);
    for (const claims of this.#claims.values())
      for (const claim of claims) {
        const { state, sequence } = this.ledger.lease(claim.ip) ?? {};
        expect({ state, sequence }, `${claim.ip} of ${claim.holder}`).toEqual({
          state: "leased",
          sequence: claim.sequence,
        });
      }
  }

  #promised(lease: Lease, holder: OwnerKey, gives: OwnerKey, released: number | undefined): void {
    this.#told.add(lease.sequence);
    const now = this.ledger.lease(lease.ip);
    if (now?.state === "leased" && now.sequence === lease.sequence) {
      expect(this.kernel.has(lease.ip), `route of ${lease.ip} when it was promised`).toBe(true);
      const stored = this.disk.get(leaseKey(lease.ip));
      expect(stored?.kind === "lease" && stored.lease.sequence, "on disk").toBe(lease.sequence);
    }
    if (this.#releases.get(gives) !== released) return;
    const claims = this.#claims.get(gives)?.filter((claim) => claim.holder !== holder) ?? [];
    for (const [other, theirs] of this.#claims)
      if (other !== gives) expect(theirs.map((claim) => claim.ip)).not.toContain(lease.ip);
    this.#claims.set(gives, [...claims, { ip: lease.ip, sequence: lease.sequence, holder }]);
  }

  #gaveBack(holder: OwnerKey): void {
    this.#claims.delete(holder);
    this.#releases.set(holder, (this.#releases.get(holder) ?? 0) + 1);
  }

  /** An assertion that fails inside is thrown by {@link check}: the command then stays open. */
  async #watch<Outcome>(
    answer: Promise<Outcome>,
    told?: (outcome: Outcome) => void,
  ): Promise<void> {
    this.#open++;
    let outcome: Outcome;
    try {
      outcome = await answer;
    } catch {
      this.#open--;
      return;
    }
    told?.(outcome);
    this.#open--;
  }

  #persist(changes: readonly Change[]): Promise<void> {
    return new Promise((resolve, reject) =>
      this.#commits.push((error) => {
        if (error !== undefined) return reject(error);
        for (const change of changes)
          if (change.op === "put") this.disk.set(recordKey(change.record), change.record);
          else this.disk.delete(change.key);
        resolve();
      }),
    );
  }

  /** The kernel works off what it is given in order; its answers come when {@link endRouting} says. */
  #route(changes: readonly RouteChange[]): Promise<readonly (Error | undefined)[]> {
    const failing = this.failing;
    const answers = changes.map((change) => {
      const fails =
        failing === "everything" || failing === (change.op === "add" ? "adding" : "deleting");
      if (fails && change.op === "delete" && this.kernel.has(change.ip)) this.left.add(change.ip);
      if (fails) return new Error(`no buffer space for ${change.op} ${change.ip}`);
      if (change.op === "add") this.kernel.set(change.ip, change.mac);
      else this.kernel.delete(change.ip);
      this.left.delete(change.ip);
      return undefined;
    });
    return new Promise((resolve) => this.#routings.push(() => resolve(answers)));
  }
}
