// The one owner of npm `netlink` sockets: a bounded window of requests, dumps repeated when interrupted, no way to abort.

import { BrokerError } from "#core/errors.ts";
import { type Message, flag, messageType, writeMessage } from "./netlink-codec.ts";
import { NetlinkError } from "./netlink-error.ts";
import { listen, openSocket, sendDatagram } from "./netlink-socket.ts";

/** Requests in flight. An answer takes at most about 1.3 kB of a buffer that is never smaller than 208 kB. */
export const REQUEST_WINDOW = 64;
/** Requests that may wait; 65,536 leases with a neighbour each are 131,072. */
export const REQUEST_QUEUE_LIMIT = 262_144;
export const DUMP_QUEUE_LIMIT = 64;
/** How often a dump that a change interrupted (NLM_F_DUMP_INTR) is made again. */
export const DUMP_RETRY_LIMIT = 16;
const REQUEST_TIMEOUT_MS = 5_000;
const ANSWER_GRACE_MS = 250;
const DUMP_TIMEOUT_MS = 30_000;

export interface NetlinkRequest {
  readonly type: number;
  /** Besides request and acknowledge, for example create and replace. */
  readonly flags: number;
  readonly body: Buffer;
  /** For messages: `add the route to 10.0.0.5`. */
  readonly what: string;
}

export interface Netlink extends AsyncDisposable {
  /** Port of the socket that makes changes: notifications of our own changes carry it. */
  readonly port: number;
  /** Makes every change in order and answers for each, `undefined` or what the kernel said. Rejects with `overloaded`. */
  request(requests: readonly NetlinkRequest[]): Promise<readonly (Error | undefined)[]>;
  /**
   * Reads a whole table, or the one `entry` that the body asks for; `read` may leave entries out by answering `undefined`.
   * Rejects with a NetlinkError where the kernel has no such entry.
   */
  dump<Entry>(
    type: number,
    body: Buffer,
    read: (message: Message) => Entry | undefined,
    extent?: Extent,
  ): Promise<readonly Entry[]>;
}

export type Extent = "table" | "entry";

export function openNetlink(): Netlink {
  return new NetlinkConnection();
}

interface Waiting {
  readonly request: NetlinkRequest;
  readonly answer: (error: Error | undefined) => void;
}
interface Dump {
  readonly sequence: number;
  readonly receive: (message: Message) => void;
  readonly interrupted: () => void;
  readonly end: (error?: Error) => void;
}

class NetlinkConnection implements Netlink {
  readonly #changes = openSocket();
  readonly #dumps = openSocket();
  readonly port = this.#changes.address().port;
  #sequence = 1;
  #queue: Waiting[] = [];
  #head = 0;
  readonly #flying = new Map<number, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #dump: Dump | undefined;
  #dumpTurn: Promise<unknown> = Promise.resolve();
  #dumpsWaiting = 0;
  #closed = false;

  constructor() {
    listen(
      this.#changes,
      (message) => this.#answered(message),
      (error) => this.#abandon(error),
    );
    listen(
      this.#dumps,
      (message) => this.#dumped(message),
      (error) => this.#dump?.end(error),
    );
  }

  request(requests: readonly NetlinkRequest[]): Promise<readonly (Error | undefined)[]> {
    if (this.#closed) return Promise.reject(closed());
    if (this.#queue.length - this.#head + requests.length > REQUEST_QUEUE_LIMIT) {
      return Promise.reject(overloaded(`more than ${REQUEST_QUEUE_LIMIT} netlink requests wait`));
    }
    if (requests.length === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const answers = Array.from<Error | undefined>({ length: requests.length });
      let missing = requests.length;
      for (const [index, request] of requests.entries()) {
        const answer = (error: Error | undefined): void => {
          answers[index] = error;
          if (--missing === 0) resolve(answers);
        };
        this.#queue.push({ request, answer });
      }
      this.#send();
    });
  }

  /** One datagram with the next requests; nothing more goes out until all of them are answered. */
  #send(): void {
    if (this.#flying.size > 0 || this.#head === this.#queue.length) return;
    const batch = this.#queue.slice(this.#head, this.#head + REQUEST_WINDOW);
    this.#head += batch.length;
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    }
    const messages = batch.map((waiting) => {
      const sequence = this.#nextSequence();
      this.#flying.set(sequence, waiting);
      const { type, flags, body } = waiting.request;
      return writeMessage(type, flags | flag.request | flag.acknowledge, sequence, this.port, body);
    });
    this.#timer = setTimeout(() => this.#giveUpSoon(), REQUEST_TIMEOUT_MS);
    sendDatagram(this.#changes, Buffer.concat(messages), (error) => this.#abandon(error));
  }

  /** A loop that was busy itself finds its timers before its answers: it looks for those once more. */
  #giveUpSoon(): void {
    const late = new Error(`no answer from the kernel within ${REQUEST_TIMEOUT_MS} ms`);
    this.#timer = setTimeout(() => this.#abandon(late), ANSWER_GRACE_MS);
  }

  #answered(message: Message): void {
    if (message.type !== messageType.error || message.body.length < 4) return;
    const waiting = this.#flying.get(message.sequence);
    if (waiting === undefined) return;
    this.#flying.delete(message.sequence);
    const code = message.body.readInt32LE(0);
    waiting.answer(code === 0 ? undefined : new NetlinkError(-code, waiting.request.what));
    if (this.#flying.size === 0) this.#next();
  }

  /** What is in flight has an unknown fate: each caller hears so, and the rest of the queue goes on. */
  #abandon(cause: Error): void {
    const waiting = [...this.#flying.values()];
    this.#flying.clear();
    for (const { request, answer } of waiting) {
      answer(new Error(`${request.what}: ${cause.message}`, { cause }));
    }
    this.#next();
  }

  #next(): void {
    clearTimeout(this.#timer);
    if (!this.#closed) this.#send();
  }

  dump<Entry>(
    type: number,
    body: Buffer,
    read: (message: Message) => Entry | undefined,
    extent: Extent = "table",
  ): Promise<readonly Entry[]> {
    if (this.#dumpsWaiting >= DUMP_QUEUE_LIMIT) {
      return Promise.reject(overloaded(`more than ${DUMP_QUEUE_LIMIT} netlink dumps wait`));
    }
    this.#dumpsWaiting++;
    const result = this.#dumpTurn.then(() => this.#dumpRepeatedly(type, body, read, extent));
    this.#dumpTurn = result.then(
      () => this.#dumpsWaiting--,
      () => this.#dumpsWaiting--,
    );
    return result;
  }

  async #dumpRepeatedly<Entry>(
    type: number,
    body: Buffer,
    read: (message: Message) => Entry | undefined,
    extent: Extent,
  ): Promise<readonly Entry[]> {
    for (let attempt = 0; attempt < DUMP_RETRY_LIMIT; attempt++) {
      const entries = await this.#dumpOnce(type, body, read, extent);
      if (entries !== undefined) return entries;
    }
    throw new BrokerError(
      "system-failure",
      `the kernel's table changed during each of ${DUMP_RETRY_LIMIT} attempts to read it`,
      { hint: "something changes links or routes without pause: ip monitor shows what" },
    );
  }

  /** `undefined`: the table changed while it was read. */
  #dumpOnce<Entry>(
    type: number,
    body: Buffer,
    read: (message: Message) => Entry | undefined,
    extent: Extent,
  ): Promise<readonly Entry[] | undefined> {
    if (this.#closed) return Promise.reject(closed());
    const entries: Entry[] = [];
    let consistent = true;
    const sequence = this.#nextSequence();
    return new Promise((resolve, reject) => {
      const end = (error?: Error): void => {
        clearTimeout(timer);
        this.#dump = undefined;
        if (error === undefined) resolve(consistent ? entries : undefined);
        else reject(error);
      };
      const timer = setTimeout(
        () => end(new Error(`reading a kernel table took longer than ${DUMP_TIMEOUT_MS} ms`)),
        DUMP_TIMEOUT_MS,
      );
      const interrupted = (): void => void (consistent = false);
      const receive = (message: Message): void => {
        const entry = read(message);
        if (entry !== undefined) entries.push(entry);
      };
      this.#dump = { sequence, receive, interrupted, end };
      const flags = flag.request | (extent === "table" ? flag.dump : flag.acknowledge);
      const port = this.#dumps.address().port;
      sendDatagram(this.#dumps, writeMessage(type, flags, sequence, port, body), end);
    });
  }

  #dumped(message: Message): void {
    const dump = this.#dump;
    if (dump === undefined || dump.sequence !== message.sequence) return;
    if ((message.flags & flag.dumpInterrupted) !== 0) dump.interrupted();
    if (message.type === messageType.error || message.type === messageType.done) {
      const code = message.body.length >= 4 ? message.body.readInt32LE(0) : 0;
      dump.end(code === 0 ? undefined : new NetlinkError(-code, "read a kernel table"));
    } else dump.receive(message);
  }

  #nextSequence(): number {
    this.#sequence = (this.#sequence % 0xffff_fffe) + 1;
    return this.#sequence;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const unsent = this.#queue.slice(this.#head);
    this.#queue = [];
    this.#head = 0;
    this.#abandon(closed());
    for (const waiting of unsent) waiting.answer(closed());
    this.#dump?.end(closed());
    await new Promise((resolve) => setImmediate(resolve));
    this.#changes.close();
    this.#dumps.close();
  }
}

const closed = (): BrokerError =>
  new BrokerError("not-ready", "the netlink sockets are closed", { hint: "start the broker" });

const overloaded = (message: string): BrokerError =>
  new BrokerError("overloaded", message, { hint: "send fewer requests at a time" });
