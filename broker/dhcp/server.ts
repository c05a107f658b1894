// The DHCP server as a task: datagrams in, decisions, the ledger's answers, replies out; everything bounded.

import type { Ip } from "#core/address.ts";
import type { BindMode } from "#core/guest.ts";
import type { Millis } from "#core/time.ts";
import { Admission } from "./admission.ts";
import { type DhcpCounters, type DhcpEvent, Tally } from "./counters.ts";
import type { GuestLeasing } from "./leasing-port.ts";
import { type DhcpRequest, guestDetails, readRequest } from "./message.ts";
import { type Outgoing, Replies, encode } from "./replies.ts";
import { createResponder } from "./respond.ts";
import type { DhcpSettings } from "./settings.ts";
import type { DhcpSocket } from "./socket-port.ts";
import { TokenBuckets } from "./token-buckets.ts";

/** A boot takes two to four packets; a client in a loop gets no further than this. */
const PER_GUEST = { burst: 8, perSecond: 2, keys: 16_384 };

export interface DhcpServerOptions {
  readonly socket: Pick<DhcpSocket, "receive" | "send">;
  readonly leasing: GuestLeasing;
  readonly settings: DhcpSettings;
  readonly now: () => Millis;
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
  /** Told of drops, at most a few a second. */
  readonly onEvent: (event: DhcpEvent) => void;
}
export interface DhcpServer {
  readonly name: "dhcp";
  /** Serves until the signal aborts, then waits for what it began. The socket stays open: it is the caller's. */
  run(signal: AbortSignal): Promise<void>;
  readonly counters: DhcpCounters;
}

export function createDhcpServer(options: DhcpServerOptions): DhcpServer {
  const serving = new Serving(options);
  return { name: "dhcp", counters: serving.tally, run: (signal) => serving.run(signal) };
}

class Serving {
  readonly tally: Tally;
  readonly #options: DhcpServerOptions;
  readonly #responder;
  readonly #replies: Replies;
  readonly #buckets = new TokenBuckets(PER_GUEST);
  readonly #admission = new Admission<DhcpRequest>((request) => this.#attend(request));

  constructor(options: DhcpServerOptions) {
    this.#options = options;
    const { settings, random } = options;
    this.#responder = createResponder(settings, random);
    this.#replies = new Replies(settings, this.#responder, random);
    this.tally = new Tally(options.onEvent);
  }

  async run(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { socket, now } = this.#options;
    socket.receive((datagram, source) => this.#receive(datagram, source));
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    socket.receive(() => this.tally.drop("stopping", now()));
    for (const { mac } of this.#admission.dismiss()) this.tally.drop("stopping", now(), mac);
    await this.#admission.idle();
  }

  #receive(datagram: Uint8Array, source: Ip): void {
    const now = this.#options.now();
    const request = readRequest(datagram, source);
    if (typeof request === "string") return this.tally.drop(request, now);
    this.tally.received[request.type] += 1;
    if (!this.#buckets.take(request.mac, now)) return this.tally.drop("rate", now, request.mac);
    if (!this.#admission.admit(request)) this.tally.drop("busy", now, request.mac);
  }

  #attend(request: DhcpRequest): void {
    const now = this.#options.now();
    try {
      this.#handle(request, now);
    } catch (thrown) {
      this.tally.drop("unbound", now, request.mac, messageOf(thrown));
    }
  }

  #handle(request: DhcpRequest, now: Millis): void {
    const { leasing } = this.#options;
    const { mac } = request;
    const action = this.#responder.actionFor(request);
    switch (action.kind) {
      case "drop":
        return this.tally.drop(action.reason, now, mac);
      case "offer": {
        const ip = this.#offer(request, action.requested, now);
        if (ip !== undefined) this.#send(request, this.#replies.offered(request, ip));
        return;
      }
      case "rapid-commit": {
        const ip = this.#offer(request, action.requested, now);
        if (ip !== undefined)
          this.#begin(request, () => this.#bind(request, "rapid-commit", ip, action.seconds));
        return;
      }
      case "bind":
        return this.#begin(request, () =>
          this.#bind(request, action.mode, action.ip, action.seconds),
        );
      case "release":
        return this.#begin(request, () => leasing.release({ mac, ip: action.ip }));
      case "decline":
        return this.#begin(request, () => leasing.decline({ mac, ip: action.ip }));
      case "abandon":
        leasing.abandon({ mac });
        return this.tally.drop("other-server", now, mac);
      case "inform":
        if (request.type === "inform")
          this.#send(request, encode(request, this.#responder.informed(request)));
        return;
      default:
        return action satisfies never;
    }
  }

  #offer(request: DhcpRequest, requested: Ip | undefined, now: Millis): Ip | undefined {
    const { mac } = request;
    const offer = this.#options.leasing.offer(
      requested === undefined ? { mac } : { mac, requested },
    );
    if (offer.kind === "offer") return offer.ip;
    this.tally.drop(offer.kind === "limited" ? "port-limit" : "exhausted", now, mac);
    return undefined;
  }

  async #bind(request: DhcpRequest, mode: BindMode, ip: Ip, seconds: number): Promise<void> {
    const { leasing, now } = this.#options;
    const { mac } = request;
    const guest = guestDetails(request);
    const bind = { mac, ip, mode, seconds };
    const outcome = await leasing.bind(guest === undefined ? bind : { ...bind, guest });
    if (outcome.kind === "bound")
      return this.#send(request, this.#replies.bound(request, outcome.ip, outcome.seconds));
    // A DISCOVER is never refused (RFC 2131 4.3.1): the guest asks again and gets another address.
    if (outcome.kind === "silent" || mode === "rapid-commit")
      return this.tally.drop("unbound", now(), mac, outcome.reason);
    const answer = this.#responder.refused(request, outcome.reason);
    if (answer === undefined) this.tally.drop("not-authoritative", now(), mac, outcome.reason);
    else this.#send(request, encode(request, answer));
  }

  #begin(request: DhcpRequest, work: () => Promise<void>): void {
    this.#admission.began();
    void this.#finish(request, work);
  }

  async #finish(request: DhcpRequest, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.tally.drop("unbound", this.#options.now(), request.mac, messageOf(thrown));
    } finally {
      this.#admission.ended();
    }
  }

  #send(request: DhcpRequest, { type, bytes, destination }: Outgoing): void {
    if (bytes === undefined)
      return this.tally.drop("reply-too-long", this.#options.now(), request.mac);
    this.tally.sent[type] += 1;
    this.#options.socket.send(bytes, destination);
  }
}

const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
