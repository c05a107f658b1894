// The DHCP socket as the server sees it: its replies pass the interpreter like every other effect.

import type { DhcpSocket } from "#broker/dhcp/socket-port.ts";
import { verbOfReply } from "./dhcp-verb.ts";
import type { Parts } from "./parts.ts";

export function throughEffects(
  socket: DhcpSocket,
  { effects, trouble }: Parts,
): Pick<DhcpSocket, "receive" | "send"> {
  return {
    receive: (handler) => socket.receive(handler),
    send: (reply, destination) =>
      void effects
        .reply([verbOfReply(reply)], () => socket.send(reply, destination))
        .catch((error: Error) => trouble("dhcp reply", error)),
  };
}
