// Datagrams for stations on one link whose addresses the kernel cannot resolve: sent to a MAC, many in one call.

import {
  AF_PACKET,
  bindSocket,
  closeSocket,
  int32,
  openSocket,
  sendMessages,
  setOption,
} from "./dhcp-libc.ts";
import { addressOf } from "./libc.ts";

/** Messages that share one call. */
const SLOTS = 64;
/** Room for an Ethernet payload. */
const SLOT_SIZE = 1_536;
const SEND_BUFFER_BYTES = 8 << 20;
const ETHERTYPE_IPV4 = 0x0800;
/** struct sockaddr_ll, struct iovec, struct mmsghdr on 64-bit Linux. */
const LINK_ADDRESS_SIZE = 20;
const VECTOR_SIZE = 16;
const MESSAGE_SIZE = 64;
const MAC_OFFSET = 12;

/** Not safe for use after {@link PacketOutbox.close}. */
export class PacketOutbox {
  readonly #fd: number;
  readonly #datagrams = Buffer.allocUnsafeSlow(SLOTS * SLOT_SIZE);
  readonly #addresses = Buffer.alloc(SLOTS * LINK_ADDRESS_SIZE);
  readonly #vectors = Buffer.alloc(SLOTS * VECTOR_SIZE);
  readonly #messages = Buffer.alloc(SLOTS * MESSAGE_SIZE);
  readonly #slots: readonly Uint8Array[];
  #waiting = 0;
  sent = 0;
  unsent = 0;

  /** Throws when the kernel refuses a packet socket. */
  constructor(link: number) {
    this.#fd = openSocket("packet");
    try {
      setOption(this.#fd, "sendBufferForce", int32(SEND_BUFFER_BYTES));
      // Protocol 0: nothing is ever received here.
      bindSocket(this.#fd, linkAddress(link, 0), "the packet socket");
    } catch (thrown) {
      closeSocket(this.#fd);
      throw thrown;
    }
    this.#slots = Array.from({ length: SLOTS }, (_, slot) => this.#prepare(slot, link));
  }

  /** Queues what `write` puts into the buffer it is given (1,536 bytes; it answers with the length) for the MAC's six bytes. */
  add(mac: Uint8Array, write: (datagram: Uint8Array) => number): void {
    if (this.#waiting === SLOTS) this.flush();
    const slot = this.#waiting++;
    const length = write(this.#slots[slot] ?? this.#datagrams);
    this.#vectors.writeUInt32LE(length, slot * VECTOR_SIZE + 8);
    this.#addresses.set(mac, slot * LINK_ADDRESS_SIZE + MAC_OFFSET);
  }

  /** Hands everything that waits to the kernel. What it does not take is counted and lost, and those behind it go on. */
  flush(): void {
    const count = this.#waiting;
    this.#waiting = 0;
    for (let done = 0; done < count;) {
      const taken = sendMessages(
        this.#fd,
        this.#messages.subarray(done * MESSAGE_SIZE),
        count - done,
      );
      this.sent += taken;
      done += taken;
      if (done === count) return;
      // The call ended in front of a message that was refused.
      this.unsent += 1;
      done += 1;
    }
  }

  close(): void {
    closeSocket(this.#fd);
  }

  #prepare(slot: number, link: number): Uint8Array {
    const datagram = this.#datagrams.subarray(slot * SLOT_SIZE, (slot + 1) * SLOT_SIZE);
    this.#addresses.set(linkAddress(link, ETHERTYPE_IPV4), slot * LINK_ADDRESS_SIZE);
    const vector = slot * VECTOR_SIZE;
    this.#vectors.writeBigUInt64LE(addressOf(this.#datagrams) + BigInt(slot * SLOT_SIZE), vector);
    const message = slot * MESSAGE_SIZE;
    const address = addressOf(this.#addresses) + BigInt(slot * LINK_ADDRESS_SIZE);
    this.#messages.writeBigUInt64LE(address, message);
    this.#messages.writeUInt32LE(LINK_ADDRESS_SIZE, message + 8);
    this.#messages.writeBigUInt64LE(addressOf(this.#vectors) + BigInt(vector), message + 16);
    this.#messages.writeBigUInt64LE(1n, message + 24);
    return datagram;
  }
}

function linkAddress(link: number, protocol: number): Buffer {
  const address = Buffer.alloc(LINK_ADDRESS_SIZE);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16BE(protocol, 2);
  address.writeInt32LE(link, 4);
  address.writeUInt8(6, 11);
  return address;
}
