// The one owner of npm `netlink` sockets: a bounded window of requests, dumps repeated when interrupted, no way to abort.

import { BrokerError } from "#core/errors.ts";
import { LAST_SEQUENCE, NetlinkChanges, closed, overloaded } from "./netlink-changes.ts";
import { type Message, flag, messageType, writeMessage } from "./netlink-codec.ts";
import { NetlinkError } from "./netlink-error.ts";
import { listen, openSocket, sendDatagram } from "./netlink-socket.ts";

export const DUMP_QUEUE_LIMIT = 64;
/** How often a dump that a change interrupted (NLM_F_DUMP_INTR) is made again. */
export const DUMP_RETRY_LIMIT = 16;
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

interface Dump {
  readonly sequence: number;
  readonly receive: (message: Message) => void;
  readonly interrupted: () => void;
  readonly end: (error?: Error) => void;
}

class NetlinkConnection implements Netlink {
  readonly #changes = new NetlinkChanges();
  readonly #dumps = openSocket();
  readonly port = this.#changes.port;
  #sequence = 0;
  #dump: Dump | undefined;
  #dumpTurn: Promise<unknown> = Promise.resolve();
  #dumpsWaiting = 0;
  #closed = false;

  constructor() {
    listen(
      this.#dumps,
      (message) => this.#dumped(message),
      (error) => this.#dump?.end(error),
    );
  }

  request(requests: readonly NetlinkRequest[]): Promise<readonly (Error | undefined)[]> {
    return this.#changes.request(requests);
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
    this.#sequence = (this.#sequence % LAST_SEQUENCE) + 1;
    const sequence = this.#sequence;
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

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#changes.abandonAll();
    this.#dump?.end(closed());
    await new Promise((resolve) => setImmediate(resolve));
    this.#changes.close();
    this.#dumps.close();
  }
}
