// Behind which port of the bridge a MAC is: the bridge's forwarding database, asked for one entry at a time.
//
// The kernel answers such a question inside the call that asks it, so the answer is read at once: a DHCP request need
// not wait for a turn of the event loop, and no table is read as a whole, however many MACs a guest invents.

import { type Mac, macToBytes } from "#core/address.ts";
import { BrokerError } from "#core/errors.ts";
import { lastErrno, socketCalls } from "./libc.ts";
import {
  attribute,
  flag,
  messageType,
  readMessages,
  uint32,
  writeMessage,
} from "./netlink-codec.ts";
import { neighbourState } from "./route-codec.ts";

export interface ForwardingDatabase extends Disposable {
  /** Index of the port behind which the MAC was seen last; `undefined` when the bridge does not know it, or is not there. */
  portOf(mac: Mac): number | undefined;
}

const AF_NETLINK = 16;
const AF_BRIDGE = 7;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000;
const NEIGHBOUR_BYTES = 12;
/** NDA_LLADDR and NDA_MASTER of include/uapi/linux/neighbour.h. */
const NEIGHBOUR_MAC = 2;
const NEIGHBOUR_MASTER = 9;
const ANSWER_BYTES = 4_096;
/** Messages read in search of the answer: it is the first one unless an older answer was left. */
const READ_LIMIT = 16;

/** `bridge` gives the bridge's index at each question, as it may be made anew. */
export function openForwardingDatabase(bridge: () => number | undefined): ForwardingDatabase {
  const socket = socketCalls.socket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, 0);
  if (socket < 0) {
    throw new BrokerError("system-failure", `cannot open a netlink socket (errno ${lastErrno()})`, {
      hint: "the broker needs AF_NETLINK; check the unit's restrictions",
    });
  }
  const answer = Buffer.alloc(ANSWER_BYTES);
  let sequence = 0;
  return {
    portOf(mac) {
      const master = bridge();
      if (master === undefined) return undefined;
      sequence = (sequence % 0xffff_fffe) + 1;
      const question = writeMessage(
        messageType.getNeighbour,
        flag.request,
        sequence,
        0,
        entryOf(mac, master),
      );
      if (socketCalls.send(socket, question, question.length, 0) !== question.length)
        return undefined;
      return readPort(socket, answer, sequence);
    },
    [Symbol.dispose]() {
      socketCalls.close(socket);
    },
  };
}

function readPort(socket: number, answer: Buffer, sequence: number): number | undefined {
  for (let count = 0; count < READ_LIMIT; count += 1) {
    const length = socketCalls.recv(socket, answer, answer.length, 0);
    if (length <= 0) return undefined;
    for (const message of readMessages(answer.subarray(0, length))) {
      if (message.sequence !== sequence) continue;
      const { type, body } = message;
      if (type !== messageType.newNeighbour || body.length < NEIGHBOUR_BYTES) return undefined;
      // The bridge's own addresses stand there as permanent entries: no guest is behind them.
      const own = (body.readUInt16LE(8) & neighbourState.permanent) !== 0;
      return own ? undefined : body.readInt32LE(4);
    }
  }
  return undefined;
}

function entryOf(mac: Mac, master: number): Buffer {
  const header = Buffer.alloc(NEIGHBOUR_BYTES);
  header.writeUInt8(AF_BRIDGE, 0);
  return Buffer.concat([
    header,
    attribute(NEIGHBOUR_MAC, macToBytes(mac)),
    attribute(NEIGHBOUR_MASTER, uint32(master)),
  ]);
}
