// What the DHCP server needs of the bridge: datagrams in, replies out.

import type { Ip, Mac } from "#core/address.ts";

/** Where a reply goes (RFC 2131 4.1). Its source is the server's address and port 67, always. */
export type Destination =
  /** To port 68 of this address, in a frame to the reply's own chaddr: no neighbour is asked and no port flooded. */
  | { readonly kind: "guest"; readonly ip: Ip }
  /** To port 68 of every station on the bridge. */
  | { readonly kind: "everyone" }
  /** To port 67 of the relay. */
  | { readonly kind: "relay"; readonly ip: Ip };

export interface SocketCounters {
  readonly sent: number;
  /** Replies that the kernel did not take; the guest asks again. */
  readonly unsent: number;
  readonly reopened: number;
}

/** Port 67 of one bridge. The datagrams that arrive passed the kernel's filter: own MAC, no relay unless allowed. */
export interface DhcpSocket extends AsyncDisposable {
  /** Index of the bridge that is served; undefined while none is, and where it was made anew while the socket was opened. */
  readonly link: number | undefined;
  /** Hands every datagram and its source address to the handler, which must not throw; a later handler takes over. */
  receive(handler: (datagram: Uint8Array, source: Ip) => void): void;
  /** Queues a reply; it leaves at the end of this turn of the event loop. */
  send(reply: Uint8Array, destination: Destination): void;
  /** Binds to the bridge of that name anew: a socket stays with a device that is gone. Throws when there is no bridge. */
  reopen(): Promise<void>;
  counters(): SocketCounters;
}

/** A datagram from some server's port to a client's, as the bridge itself heard it. */
export interface HeardReply {
  /** Source of the frame. */
  readonly mac: Mac;
  readonly source: Ip;
  readonly message: Uint8Array;
}

/** Ears on the bridge: what is ours is not heard. Unicast replies between two other ports are not either. */
export interface ReplyTap extends Disposable {
  /** What came since the last look. */
  hear(): readonly HeardReply[];
  /** Broadcasts what `message` makes of the bridge's own MAC, as a guest without an address. */
  ask(message: (mac: Mac) => Uint8Array): void;
}
