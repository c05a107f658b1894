// As much of the protocol buffers' wire format as the CRI's messages need: numbers, texts, messages within messages.

const VARINT = 0;
const BYTES = 2;
const FIXED_64 = 1;
const FIXED_32 = 5;

/** One field: a whole number, a text, or the bytes of a message. */
export function write(field: number, value: number | string | Uint8Array): Buffer {
  if (typeof value === "number") return Buffer.concat([key(field, VARINT), varint(value)]);
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([key(field, BYTES), varint(bytes.length), bytes]);
}

/** Every value of a repeated field that holds bytes, in order. */
export const readFields = (message: Buffer, field: number): readonly Buffer[] =>
  entries(message).flatMap((entry) =>
    entry.field === field && entry.value instanceof Buffer ? [entry.value] : [],
  );

/** Of a message within; empty when absent. */
export const bytesOf = (message: Buffer, field: number): Buffer =>
  readFields(message, field)[0] ?? Buffer.alloc(0);

export const textOf = (message: Buffer, field: number): string =>
  bytesOf(message, field).toString("utf8");

export const textsIn = (message: Buffer, field: number): readonly string[] =>
  readFields(message, field).map((bytes) => bytes.toString("utf8"));

/** 0 when absent, as the format has it. */
export function numberOf(message: Buffer, field: number): number {
  const found = entries(message).find((entry) => entry.field === field)?.value;
  return typeof found === "number" ? found : 0;
}

interface Entry {
  readonly field: number;
  readonly value: number | Buffer | undefined;
}

/** Throws on what is cut off. */
function entries(message: Buffer): readonly Entry[] {
  const found: Entry[] = [];
  let at = 0;
  const number = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = message.readUInt8(at);
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const head = number();
    const [field, type] = [Math.floor(head / 8), head % 8];
    if (type === VARINT) found.push({ field, value: number() });
    else {
      const length = type === BYTES ? number() : widthOf(type);
      if (at + length > message.length) throw new Error(`field ${field} is cut off`);
      found.push({
        field,
        value: type === BYTES ? message.subarray(at, at + length) : undefined,
      });
      at += length;
    }
  }
  return found;
}

function widthOf(type: number): number {
  if (type === FIXED_64) return 8;
  if (type === FIXED_32) return 4;
  throw new Error(`a field of type ${type}, which no message of the CRI has`);
}

const key = (field: number, type: number): Buffer => varint(field * 8 + type);

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}
