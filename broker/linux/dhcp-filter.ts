// The kernel's filter in front of the DHCP socket: a classic BPF program (Linux filter.rst) on the datagram behind its
// UDP header, with the frame's own header within reach.

/** Before the offset of an instruction: counts from the frame's first byte (SKF_LL_OFF). */
const FROM_FRAME = -0x200000;
const UDP_HEADER = 8;
const ETHERNET_SOURCE = 6;
const GIADDR = 24;
const CHADDR = 28;
/**
 * Bytes of the longest DHCP message that passes, above what any client sends in one frame. A longer one costs its sender
 * nothing, because the kernel puts fragments together, and the one thread that serves everybody much.
 */
export const LONGEST_REQUEST = 4_096;
/** Bytes that an accepted datagram may have; all of it. */
const WHOLE = 0xffff;

const LOAD_WORD = 0x20;
const LOAD_HALF = 0x28;
const LOAD_LENGTH = 0x80;
const JUMP_IF_GREATER = 0x25;
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_EQUAL_X = 0x1d;
const COPY_TO_X = 0x07;
const RETURN = 0x06;
const INSTRUCTION_SIZE = 8;

type Label = "next" | "accept" | "drop" | "own-mac";
interface Instruction {
  readonly label?: Label;
  readonly code: number;
  readonly k?: number;
  readonly yes?: Label;
  readonly no?: Label;
}

/**
 * Lets a datagram pass when the frame's source is the client's hardware address and no relay is named. With
 * `allowRelay`, what names a relay passes whatever its frame says. None passes with a message above
 * {@link LONGEST_REQUEST}. A load behind the datagram's end drops it.
 * The result is an array of `struct sock_filter`.
 */
export function filterProgram(allowRelay: boolean): Uint8Array {
  const word = (k: number): Instruction => ({ code: LOAD_WORD, k });
  const half = (k: number): Instruction => ({ code: LOAD_HALF, k });
  const toX: Instruction = { code: COPY_TO_X };
  const sameAsX: Instruction = { code: JUMP_IF_EQUAL_X, yes: "next", no: "drop" };
  return assemble([
    { code: LOAD_LENGTH },
    { code: JUMP_IF_GREATER, k: UDP_HEADER + LONGEST_REQUEST, yes: "drop", no: "next" },
    word(UDP_HEADER + GIADDR),
    { code: JUMP_IF_EQUAL, k: 0, yes: "own-mac", no: allowRelay ? "accept" : "drop" },
    { ...word(FROM_FRAME + ETHERNET_SOURCE), label: "own-mac" },
    toX,
    word(UDP_HEADER + CHADDR),
    sameAsX,
    half(FROM_FRAME + ETHERNET_SOURCE + 4),
    toX,
    half(UDP_HEADER + CHADDR + 4),
    sameAsX,
    { code: RETURN, k: WHOLE, label: "accept" },
    { code: RETURN, k: 0, label: "drop" },
  ]);
}

export const instructionCount = (program: Uint8Array): number => program.length / INSTRUCTION_SIZE;

function assemble(instructions: readonly Instruction[]): Uint8Array {
  const program = new Uint8Array(instructions.length * INSTRUCTION_SIZE);
  const view = new DataView(program.buffer);
  for (const [index, { code, k = 0, yes = "next", no = "next" }] of instructions.entries()) {
    const distance = (label: Label): number =>
      label === "next" ? 0 : instructions.findIndex((other) => other.label === label) - index - 1;
    const at = index * INSTRUCTION_SIZE;
    view.setUint16(at, code, true);
    view.setUint8(at + 2, distance(yes));
    view.setUint8(at + 3, distance(no));
    view.setUint32(at + 4, k >>> 0, true);
  }
  return program;
}
