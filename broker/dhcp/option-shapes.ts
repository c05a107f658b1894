// The shapes of option values: each a pair of functions between bytes and what they mean.

import { type Ip, ipv4FromUint, ipv4ToUint } from "#core/address.ts";

/** `decode` answers undefined for bytes of another shape and never throws. */
export interface Shape<Value> {
  readonly decode: (bytes: Uint8Array) => Value | undefined;
  readonly encode: (value: Value) => Uint8Array;
}

export const ipv4: Shape<Ip> = {
  decode: (bytes) => (bytes.length === 4 ? addressAt(bytes, 0) : undefined),
  encode: (address) => unsigned(ipv4ToUint(address), 4),
};

/** One or more addresses (RFC 2132 3.5, 3.8, 8.3). */
export const ipv4List: Shape<readonly Ip[]> = {
  decode(bytes) {
    if (bytes.length === 0 || bytes.length % 4 !== 0) return undefined;
    return Array.from({ length: bytes.length / 4 }, (_, index) => addressAt(bytes, index * 4));
  },
  encode(addresses) {
    const bytes = new Uint8Array(addresses.length * 4);
    for (const [index, address] of addresses.entries()) bytes.set(ipv4.encode(address), index * 4);
    return bytes;
  },
};

export const uint8 = number(1);
export const uint16 = number(2);
export const uint32 = number(4);

/** An option that says something by being there (RFC 4039 4). */
export const empty: Shape<true> = {
  decode: (bytes) => (bytes.length === 0 ? true : undefined),
  encode: () => new Uint8Array(0),
};

export const raw: Shape<Uint8Array> = { decode: (bytes) => bytes, encode: (bytes) => bytes };

/** NVT ASCII; other characters and trailing NULs (RFC 2132 2) are cut from what is read. */
export const text: Shape<string> = {
  decode(bytes) {
    let end = bytes.length;
    while (end > 0 && bytes[end - 1] === 0) end--;
    if (end === 0) return undefined;
    let read = "";
    for (let at = 0; at < end; at++) {
      const code = bytes[at] ?? 0;
      if (isPrintable(code)) read += String.fromCharCode(code);
    }
    return read === "" ? undefined : read;
  },
  encode(value) {
    const bytes = new Uint8Array(value.length);
    for (let at = 0; at < bytes.length; at++) bytes[at] = value.charCodeAt(at);
    return bytes;
  },
};

/** RFC 6842 and RFC 2132 9.14: type and at least one byte; anything shorter counts as absent. */
export const clientIdentifier: Shape<Uint8Array> = {
  decode: (bytes) => (bytes.length >= 2 ? bytes : undefined),
  encode: (bytes) => bytes,
};

const isPrintable = (code: number): boolean => code >= 0x20 && code < 0x7f;

function addressAt(bytes: Uint8Array, at: number): Ip {
  return ipv4FromUint(
    (((bytes[at] ?? 0) << 24) |
      ((bytes[at + 1] ?? 0) << 16) |
      ((bytes[at + 2] ?? 0) << 8) |
      (bytes[at + 3] ?? 0)) >>>
      0,
  );
}

function number(size: 1 | 2 | 4): Shape<number> {
  return {
    decode(bytes) {
      if (bytes.length !== size) return undefined;
      let value = 0;
      for (const octet of bytes) value = value * 256 + octet;
      return value;
    },
    encode: (value) => unsigned(value, size),
  };
}

function unsigned(value: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  for (let at = size - 1, rest = value; at >= 0; at--, rest >>>= 8) bytes[at] = rest;
  return bytes;
}
