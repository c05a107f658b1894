// Datagrams that wait on a socket, many in one call and without a buffer of 64 KiB for each.

import { ipv4FromUint, type Ip } from "#core/address.ts";
import { Slab } from "#core/slab.ts";
import { receiveMessages } from "./dhcp-libc.ts";
import { addressOf } from "./libc.ts";

/** Messages that share one call. */
const SLOTS = 64;
/** Room for the longest datagram there is (RFC 768), so that none comes cut off. Memory only where one was that long. */
const SLOT_SIZE = 65_536;
/** struct sockaddr_in, struct iovec, struct mmsghdr on 64-bit Linux. */
const ADDRESS_SIZE = 16;
const VECTOR_SIZE = 16;
const MESSAGE_SIZE = 64;
const LENGTH_OFFSET = 56;
const IP_OFFSET = 4;

/** Not safe for use after the socket was closed. */
export class PacketInbox {
  readonly #fd: number;
  readonly #datagrams = Buffer.allocUnsafeSlow(SLOTS * SLOT_SIZE);
  readonly #copies = new Slab();
  readonly #addresses = Buffer.alloc(SLOTS * ADDRESS_SIZE);
  readonly #vectors = Buffer.alloc(SLOTS * VECTOR_SIZE);
  readonly #messages = Buffer.alloc(SLOTS * MESSAGE_SIZE);

  /** The socket stays the caller's; it must not block. */
  constructor(fd: number) {
    this.#fd = fd;
    for (let slot = 0; slot < SLOTS; slot++) this.#prepare(slot);
  }

  /** Hands what waits to the handler, at most 64 datagrams: a copy of each, and its source. Whether more may wait. */
  drain(handler: (datagram: Uint8Array, source: Ip) => void): boolean {
    for (let slot = 0; slot < SLOTS; slot++)
      this.#messages.writeUInt32LE(ADDRESS_SIZE, slot * MESSAGE_SIZE + 8);
    const count = receiveMessages(this.#fd, this.#messages, SLOTS);
    for (let slot = 0; slot < count; slot++) {
      const length = this.#messages.readUInt32LE(slot * MESSAGE_SIZE + LENGTH_OFFSET);
      const start = slot * SLOT_SIZE;
      // A copy: requests keep parts of it while they wait for the ledger.
      const datagram = this.#copies.take(length);
      this.#datagrams.copy(datagram, 0, start, start + length);
      const source = this.#addresses.readUInt32BE(slot * ADDRESS_SIZE + IP_OFFSET);
      handler(datagram, source === 0 ? UNSPECIFIED : ipv4FromUint(source));
    }
    return count === SLOTS;
  }

  #prepare(slot: number): void {
    const vector = slot * VECTOR_SIZE;
    this.#vectors.writeBigUInt64LE(addressOf(this.#datagrams) + BigInt(slot * SLOT_SIZE), vector);
    this.#vectors.writeBigUInt64LE(BigInt(SLOT_SIZE), vector + 8);
    const message = slot * MESSAGE_SIZE;
    const address = addressOf(this.#addresses) + BigInt(slot * ADDRESS_SIZE);
    this.#messages.writeBigUInt64LE(address, message);
    this.#messages.writeBigUInt64LE(addressOf(this.#vectors) + BigInt(vector), message + 16);
    this.#messages.writeBigUInt64LE(1n, message + 24);
  }
}

const UNSPECIFIED = ipv4FromUint(0);
