// Requests that change the kernel's tables: many in a datagram, one datagram at a time, an answer for each.

import { BrokerError } from "#core/errors.ts";
import { type Message, flag, messageType, writeMessage } from "./netlink-codec.ts";
import { NetlinkError } from "./netlink-error.ts";
import type { NetlinkRequest } from "./netlink.ts";
import { listen, openSocket, sendDatagram } from "./netlink-socket.ts";

/** Requests in flight, of which each may be refused. An answer takes at most about 1.3 kB of a buffer of at least 208 kB. */
export const REQUEST_WINDOW = 64;
/** Requests that may wait; 65,536 leases with a neighbour each are 131,072. */
export const REQUEST_QUEUE_LIMIT = 262_144;
const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_GRACE_MS = 250;
/** The sequence number after which they begin anew. */
export const LAST_SEQUENCE = 0xffff_fffe;

/** Requests of one call, sent in order from `sent` on. */
interface Batch {
  readonly requests: readonly NetlinkRequest[];
  readonly answers: (Error | undefined)[];
  readonly resolve: (answers: readonly (Error | undefined)[]) => void;
  sent: number;
  missing: number;
}
/** One datagram on its way: its messages are numbered from `first` on without a gap. */
interface Flight {
  readonly first: number;
  readonly messages: readonly { readonly batch: Batch; readonly index: number }[];
}
const NOTHING: NetlinkRequest = { type: 0, flags: 0, body: Buffer.alloc(0), what: "" };

/** Closed by whoever owns it: {@link NetlinkChanges.abandonAll}, and {@link NetlinkChanges.close} a turn later. */
export class NetlinkChanges {
  readonly #socket = openSocket();
  readonly port = this.#socket.address().port;
  #sequence = 1;
  #queue: Batch[] = [];
  #waiting = 0;
  #flight: Flight | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor() {
    listen(
      this.#socket,
      (message) => this.#answered(message),
      (error) => this.#abandon(error),
    );
  }

  /** Makes every change in order and answers for each, `undefined` or what the kernel said. Rejects with `overloaded`. */
  request(requests: readonly NetlinkRequest[]): Promise<readonly (Error | undefined)[]> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#waiting + requests.length > REQUEST_QUEUE_LIMIT) {
      return Promise.reject(overloaded(`more than ${REQUEST_QUEUE_LIMIT} netlink requests wait`));
    }
    if (requests.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const { length } = requests;
      const answers = Array.from<Error | undefined>({ length });
      this.#queue.push({ requests, answers, resolve, sent: 0, missing: length });
      this.#waiting += length;
      this.#send();
    });
  }

  /**
   * One datagram with the next requests; nothing more goes out until all of them are answered. The kernel works them off in
   * order and always tells an error, so that only the last one asks to be acknowledged.
   */
  #send(): void {
    if (this.#flight !== undefined || this.#waiting === 0) return;
    const messages = this.#take();
    const first = this.#reserveSequences(messages.length);
    this.#flight = { first, messages };
    const last = messages.length - 1;
    const datagram = messages.map(({ batch, index }, position) => {
      const { type, flags, body } = batch.requests[index] ?? NOTHING;
      const asked = flags | flag.request | (position === last ? flag.acknowledge : 0);
      return writeMessage(type, asked, first + position, this.port, body);
    });
    this.#timer = setTimeout(() => this.#giveUpSoon(), REQUEST_TIMEOUT_MS);
    sendDatagram(this.#socket, Buffer.concat(datagram), (error) => this.#abandon(error));
  }

  #take(): { readonly batch: Batch; readonly index: number }[] {
    const messages: { batch: Batch; index: number }[] = [];
    while (messages.length < REQUEST_WINDOW) {
      const batch = this.#queue[0];
      if (batch === undefined) break;
      const end = Math.min(batch.requests.length, batch.sent + REQUEST_WINDOW - messages.length);
      for (; batch.sent < end; batch.sent++) messages.push({ batch, index: batch.sent });
      if (batch.sent === batch.requests.length) this.#queue.shift();
    }
    this.#waiting -= messages.length;
    return messages;
  }

  /** A loop that was busy itself finds its timers before its answers: it looks for those once more. */
  #giveUpSoon(): void {
    const late = new Error(`no answer from the kernel within ${REQUEST_TIMEOUT_MS} ms`);
    this.#timer = setTimeout(() => this.#abandon(late), ANSWER_GRACE_MS);
  }

  #answered(message: Message): void {
    const flight = this.#flight;
    if (message.type !== messageType.error || message.body.length < 4 || flight === undefined)
      return;
    const position = message.sequence - flight.first;
    const answered = flight.messages[position];
    if (answered === undefined) return;
    const code = message.body.readInt32LE(0);
    if (code !== 0) {
      const { batch, index } = answered;
      batch.answers[index] = new NetlinkError(-code, batch.requests[index]?.what ?? "");
    }
    if (position === flight.messages.length - 1) this.#landed(flight);
  }

  /** What is in flight has an unknown fate: each caller hears so, and the rest of the queue goes on. */
  #abandon(cause: Error): void {
    const flight = this.#flight;
    if (flight === undefined) return this.#next();
    for (const { batch, index } of flight.messages)
      batch.answers[index] ??= new Error(`${batch.requests[index]?.what}: ${cause.message}`, {
        cause,
      });
    this.#landed(flight);
  }

  #landed({ messages }: Flight): void {
    this.#flight = undefined;
    for (const { batch } of messages) if (--batch.missing === 0) batch.resolve(batch.answers);
    this.#next();
  }

  #next(): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#send();
  }

  /** The first of so many numbers in a row; none is 0. */
  #reserveSequences(count: number): number {
    if (this.#sequence + count > LAST_SEQUENCE) this.#sequence = 1;
    const first = this.#sequence;
    this.#sequence += count;
    return first;
  }

  /** Answers everybody who waits and takes nothing more. */
  abandonAll(): void {
    this.#closed = true;
    const unsent = this.#queue;
    this.#queue = [];
    this.#waiting = 0;
    this.#abandon(closed());
    for (const { requests, answers, resolve, sent } of unsent) {
      for (let index = sent; index < requests.length; index++) answers[index] = closed();
      resolve(answers);
    }
  }

  close(): void {
    this.#socket.close();
  }
}

export const closed = (): BrokerError =>
  new BrokerError("not-ready", "the netlink sockets are closed", { hint: "start the broker" });

export const overloaded = (message: string): BrokerError =>
  new BrokerError("overloaded", message, { hint: "send fewer requests at a time" });
