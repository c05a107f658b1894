// Guests without a machine: DHCP exchanges of any MAC over one veth, each reply kept as it was heard.

import { join } from "node:path";
import { type Mac, macFromBytes } from "#core/address.ts";
import { messageTypes } from "#broker/dhcp/message.ts";
import { options, readOption } from "#broker/dhcp/options.ts";
import { type Packet, decodePacket } from "#broker/dhcp/packet.ts";
import { ipv4FromUint } from "#core/address.ts";
import { type ClientPacket, clientPacket } from "#test/dhcp/client-packet.ts";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";

/** How long a reply may take before the guest asks again, as real ones do; and how often it asks. */
const RETRY_MS = 1_500;
const TRIES = 8;
const UNSET = "0.0.0.0";

export interface Heard {
  readonly xid: number;
  readonly mac: Mac;
  readonly type: string;
  readonly ip: string;
  readonly seconds?: number;
}

export interface GuestWire extends AsyncDisposable {
  /** Sends once and waits for nothing. `source` is the address of the datagram, unset when absent. */
  send(packet: ClientPacket, source?: string): Promise<number>;
  /** Sends until a reply comes. */
  ask(packet: ClientPacket, source?: string): Promise<Heard>;
  /** Every reply to that transaction so far, after a look at the wire. */
  heard(xid: number): Promise<readonly Heard[]>;
}

/** `link` is the guest's end of its veth. */
export async function openGuestWire(namespace: NetworkNamespace, link: string): Promise<GuestWire> {
  const process = namespace.spawn([
    globalThis.process.execPath,
    join(import.meta.dirname, "raw-guest.ts"),
    link,
  ]);
  const lines = (): Record<string, unknown>[] =>
    process
      .stdout()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const until = (condition: () => boolean, what: string) =>
    waitFor(
      () => {
        if (process.exit() !== undefined) throw new Error(`the guest ended: ${process.stderr()}`);
        return condition();
      },
      { what },
    );
  await until(() => lines().length > 0, "the guest");
  let syncs = 0;
  let transactions = 0x5000_0000;
  async function order(what: object): Promise<void> {
    syncs += 1;
    const sync = syncs;
    process.write(`${JSON.stringify({ ...what, sync })}\n`);
    await until(() => process.stdout().includes(`{"sync":${sync}}`), "the guest's word");
  }
  async function send(packet: ClientPacket, source = UNSET): Promise<number> {
    const xid = packet.xid ?? (transactions += 1);
    const payload = Buffer.from(clientPacket({ ...packet, xid })).toString("hex");
    await order({ payload, mac: packet.mac, source });
    return xid;
  }
  const replies = (xid: number): Heard[] =>
    lines().flatMap(({ heard }) => {
      const packet = typeof heard === "string" ? decodePacket(Buffer.from(heard, "hex")) : "silent";
      return typeof packet === "string" || packet.xid !== xid ? [] : [told(packet)];
    });
  return {
    send,
    async ask(packet, source) {
      const xid = packet.xid ?? (transactions += 1);
      for (let attempt = 0; attempt < TRIES; attempt += 1) {
        await send({ ...packet, xid }, source);
        const answer = await waitFor(() => replies(xid)[0], {
          limit: RETRY_MS,
          what: "a reply",
        }).catch(() => undefined);
        if (answer !== undefined) return answer;
      }
      throw new Error(`no reply to ${JSON.stringify(packet)} in ${TRIES} tries`);
    },
    async heard(xid) {
      await order({});
      return replies(xid);
    },
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

function told(packet: Packet): Heard {
  const code = readOption(packet.options, options.messageType);
  const seconds = readOption(packet.options, options.leaseTime);
  const name = Object.entries(messageTypes).find(([, value]) => value === code)?.[0];
  return {
    xid: packet.xid,
    mac: macFromBytes(packet.chaddr.subarray(0, 6)),
    type: name ?? `type ${code}`,
    ip: ipv4FromUint(packet.yiaddr),
    ...(seconds === undefined ? {} : { seconds }),
  };
}
