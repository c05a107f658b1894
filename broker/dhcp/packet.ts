// The BOOTP message that carries DHCP (RFC 2131 2): fixed fields, sname and file, magic cookie, options.

import {
  END_OPTION,
  type OptionField,
  type OptionMap,
  fieldSize,
  readOptions,
  writeField,
} from "./option-fields.ts";

export const BOOT_REQUEST = 1;
export const BOOT_REPLY = 2;
export const ETHERNET = 1;
export const BROADCAST_FLAG = 0x8000;
/** Offset of the options: behind 236 bytes of fixed fields and the cookie. */
const OPTIONS_OFFSET = 240;
/** BOOTP's message size (RFC 951 3, RFC 1542 2.1): shorter ones are dropped by old relays and clients. */
export const MIN_MESSAGE = 300;

const COOKIE = 0x63825363;
const CHADDR = { start: 28, end: 44 };
const SNAME = { start: 44, end: 108 };
const FILE = { start: 108, end: 236 };
const OVERLOAD = 52;
/** Option 52: 1 says options stand in `file`, 2 in `sname`, 3 in both (RFC 2132 9.3). */
const IN_FILE = 1;
const IN_SNAME = 2;

/** The fixed fields; addresses as unsigned 32-bit numbers. */
export interface PacketHeader {
  readonly op: number;
  readonly htype: number;
  readonly hlen: number;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  readonly flags: number;
  readonly ciaddr: number;
  readonly yiaddr: number;
  readonly siaddr: number;
  readonly giaddr: number;
  /** 16 bytes, of which `hlen` are the hardware address. */
  readonly chaddr: Uint8Array;
  /** 64 bytes; empty when it carried options. */
  readonly sname: Uint8Array;
  /** 128 bytes; empty when it carried options. */
  readonly file: Uint8Array;
}
export interface Packet extends PacketHeader {
  /** All options but padding, END and overload (52). Unknown codes are kept. */
  readonly options: OptionMap;
}
export type Malformed = "too-short" | "no-cookie" | "option-length";

/** Reads any bytes whatever: never throws, never reads outside. The result's arrays are views of the input. */
export function decodePacket(bytes: Uint8Array): Packet | Malformed {
  if (bytes.length < OPTIONS_OFFSET) return "too-short";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(OPTIONS_OFFSET - 4) !== COOKIE) return "no-cookie";
  const options = new Map<number, Uint8Array>();
  if (!readOptions(bytes.subarray(OPTIONS_OFFSET), options)) return "option-length";
  const overload = overloadOf(options);
  options.delete(OVERLOAD);
  let sname = bytes.subarray(SNAME.start, SNAME.end);
  let file = bytes.subarray(FILE.start, FILE.end);
  if ((overload & IN_FILE) !== 0) {
    if (!readOptions(file, options)) return "option-length";
    file = file.subarray(0, 0);
  }
  if ((overload & IN_SNAME) !== 0) {
    if (!readOptions(sname, options)) return "option-length";
    sname = sname.subarray(0, 0);
  }
  // An overload inside `file` or `sname` says nothing.
  if (overload !== 0) options.delete(OVERLOAD);
  return {
    op: view.getUint8(0),
    htype: view.getUint8(1),
    hlen: view.getUint8(2),
    hops: view.getUint8(3),
    xid: view.getUint32(4),
    secs: view.getUint16(8),
    flags: view.getUint16(10),
    ciaddr: view.getUint32(12),
    yiaddr: view.getUint32(16),
    siaddr: view.getUint32(20),
    giaddr: view.getUint32(24),
    chaddr: bytes.subarray(CHADDR.start, CHADDR.end),
    sname,
    file,
    options,
  };
}

/** Bytes of a message with these options: END included, padding not. */
export function messageSize(fields: readonly OptionField[]): number {
  let size = OPTIONS_OFFSET + 1;
  for (const field of fields) size += fieldSize(field);
  return size;
}

/** A message with the options in the given order, padded to {@link MIN_MESSAGE}; overload is never written. */
export function encodePacket(header: PacketHeader, fields: readonly OptionField[]): Uint8Array {
  const bytes = new Uint8Array(Math.max(MIN_MESSAGE, messageSize(fields)));
  const view = new DataView(bytes.buffer);
  view.setUint8(0, header.op);
  view.setUint8(1, header.htype);
  view.setUint8(2, header.hlen);
  view.setUint8(3, header.hops);
  view.setUint32(4, header.xid);
  view.setUint16(8, header.secs);
  view.setUint16(10, header.flags);
  view.setUint32(12, header.ciaddr);
  view.setUint32(16, header.yiaddr);
  view.setUint32(20, header.siaddr);
  view.setUint32(24, header.giaddr);
  writeBytes(bytes, CHADDR, header.chaddr);
  writeBytes(bytes, SNAME, header.sname);
  writeBytes(bytes, FILE, header.file);
  view.setUint32(OPTIONS_OFFSET - 4, COOKIE);
  let at = OPTIONS_OFFSET;
  for (const field of fields) at = writeField(bytes, at, field);
  bytes[at] = END_OPTION;
  return bytes;
}

/** As many as fit the field; a loop, because most fields are short or empty. */
function writeBytes(
  bytes: Uint8Array,
  field: { start: number; end: number },
  value: Uint8Array,
): void {
  const length = Math.min(value.length, field.end - field.start);
  for (let index = 0; index < length; index++) bytes[field.start + index] = value[index] ?? 0;
}

function overloadOf(options: OptionMap): number {
  const value = options.get(OVERLOAD);
  const said = value?.length === 1 ? value[0] : undefined;
  return said === undefined || said > (IN_FILE | IN_SNAME) ? 0 : said;
}
