// rtnetlink messages as bytes: headers and attributes of include/uapi/linux/netlink.h, both ways, no effects.

/** Bytes of struct nlmsghdr: length, type, flags, sequence, port. All fields are in the host's byte order. */
export const HEADER_BYTES = 16;

/** Flags of nlmsghdr (include/uapi/linux/netlink.h). */
export const flag = {
  request: 0x001,
  acknowledge: 0x004,
  dumpInterrupted: 0x010,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  dump: 0x300,
} as const;

/** Control messages (below 16) and rtnetlink messages (include/uapi/linux/rtnetlink.h). */
export const messageType = {
  nothing: 1,
  error: 2,
  done: 3,
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
  newNamespaceId: 88,
  getNamespaceId: 90,
  newRule: 32,
  deleteRule: 33,
  getRule: 34,
} as const;

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly port: number;
  readonly body: Buffer;
}

/** Splits one datagram; what follows a length that does not fit is dropped, as the kernel itself does. */
export function* readMessages(datagram: Buffer): Generator<Message> {
  let offset = 0;
  while (offset + HEADER_BYTES <= datagram.length) {
    const length = datagram.readUInt32LE(offset);
    if (length < HEADER_BYTES || offset + length > datagram.length) return;
    yield {
      type: datagram.readUInt16LE(offset + 4),
      flags: datagram.readUInt16LE(offset + 6),
      sequence: datagram.readUInt32LE(offset + 8),
      port: datagram.readUInt32LE(offset + 12),
      body: datagram.subarray(offset + HEADER_BYTES, offset + length),
    };
    offset += align(length);
  }
}

export function writeMessage(
  type: number,
  flags: number,
  sequence: number,
  port: number,
  body: Buffer,
): Buffer {
  const message = Buffer.alloc(align(HEADER_BYTES + body.length));
  message.writeUInt32LE(HEADER_BYTES + body.length, 0);
  message.writeUInt16LE(type, 4);
  message.writeUInt16LE(flags, 6);
  message.writeUInt32LE(sequence, 8);
  message.writeUInt32LE(port, 12);
  body.copy(message, HEADER_BYTES);
  return message;
}

/** Attributes behind a fixed part of `fixed` bytes, by type; of a repeated type the last one counts. */
export function readAttributes(body: Buffer, fixed: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  let offset = align(fixed);
  while (offset + 4 <= body.length) {
    const length = body.readUInt16LE(offset);
    if (length < 4 || offset + length > body.length) break;
    found.set(
      body.readUInt16LE(offset + 2) & TYPE_MASK,
      body.subarray(offset + 4, offset + length),
    );
    offset += align(length);
  }
  return found;
}

export function attribute(type: number, value: Uint8Array): Buffer {
  const encoded = Buffer.alloc(align(4 + value.length));
  encoded.writeUInt16LE(4 + value.length, 0);
  encoded.writeUInt16LE(type, 2);
  encoded.set(value, 4);
  return encoded;
}

export const nested = (type: number, ...attributes: readonly Buffer[]): Buffer =>
  attribute(type | NESTED, Buffer.concat(attributes));

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

/** Text with the closing zero that the kernel expects. */
export const text = (value: string): Buffer => Buffer.from(`${value}\0`);

/** Text up to its closing zero. */
export function readText(value: Buffer | undefined): string {
  if (value === undefined) return "";
  const end = value.indexOf(0);
  return value.toString("utf8", 0, end < 0 ? value.length : end);
}

const NESTED = 0x8000;
/** Without the nested and byte-order bits. */
const TYPE_MASK = 0x3fff;
const align = (length: number): number => (length + 3) & ~3;
