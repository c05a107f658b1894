// A netlink socket of the npm library, held so that nothing can throw out of its callbacks.
//
// That library ends the process when a C++ exception leaves its poll handler. It does so in three cases (docs/adr/0003):
// the socket's receive buffer overran, a listener threw, or a socket was closed inside its own callback. Hence requests
// go out one datagram at a time whose answers always fit the buffer, dumps have a socket of their own, every listener
// catches, and closing waits for the next turn of the loop.

import { RawNetlinkSocket } from "netlink/dist/raw.js";
import { type Message, readMessages } from "./netlink-codec.ts";

/** Asked for; the kernel gives at most net.core.rmem_max, and the window is safe with its default. */
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
const SEND_BUFFER_BYTES = 1024 * 1024;
const NETLINK_ROUTE = 0;

export function openSocket(): RawNetlinkSocket {
  return new RawNetlinkSocket(NETLINK_ROUTE, {
    recvBufferSize: RECEIVE_BUFFER_BYTES,
    sendBufferSize: SEND_BUFFER_BYTES,
  });
}

/** Nothing may throw out of these listeners: it would leave through C++ and end the process. */
export function listen(
  socket: RawNetlinkSocket,
  receive: (message: Message) => void,
  fail: (error: Error) => void,
): void {
  socket.on("message", (datagram) => {
    try {
      for (const message of readMessages(datagram)) receive(message);
    } catch (thrown) {
      fail(asError(thrown));
    }
  });
  socket.on("truncatedMessage", () => fail(new Error("a netlink message was cut off")));
  socket.on("error", fail);
}

export function sendDatagram(
  socket: RawNetlinkSocket,
  datagram: Buffer,
  fail: (error: Error) => void,
): void {
  try {
    socket.send(datagram, {}, (error) => {
      if (error !== undefined) fail(error);
    });
  } catch (thrown) {
    setImmediate(() => fail(asError(thrown)));
  }
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error(String(thrown));
