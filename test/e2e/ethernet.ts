// A station on a guest's link that sends any frame it is told, whoever's addresses are in it, and the frames to be told.

import { join } from "node:path";
import { type Ip, ipv4ToUint, macToBytes, parseMac } from "#core/address.ts";
import { HEADERS_SIZE, writeDatagram } from "#broker/linux/ip-datagram.ts";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import type { Running } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";

export const BROADCAST_MAC = "ff:ff:ff:ff:ff:ff";
const IPV4 = 0x0800;
const ARP = 0x0806;

export interface Station extends AsyncDisposable {
  /** Resolves once the frame has left. */
  send(frame: Buffer): Promise<void>;
}

export async function openStation(namespace: NetworkNamespace, link: string): Promise<Station> {
  const script = join(import.meta.dirname, "frame-sender.ts");
  const sender = namespace.spawn([process.execPath, script, link]);
  const until = (word: string) =>
    waitFor(
      () => {
        if (sender.exit() !== undefined) throw new Error(`the station ended: ${sender.stderr()}`);
        return sender.stdout().includes(word);
      },
      { what: `${word} of the station` },
    );
  await until("ready\n");
  let sent = 0;
  return {
    async send(frame) {
      sent += 1;
      sender.write(`${frame.toString("hex")}\n`);
      await until(`sent ${sent}\n`);
    },
    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}

export function ethernet(to: string, from: string, type: number, payload: Uint8Array): Buffer {
  return Buffer.concat([bytesOf(to), bytesOf(from), word(type), payload]);
}

/** An ARP request; `sender` is the MAC inside it, that of the frame when absent. */
export function arpRequest(of: {
  readonly from: string;
  readonly sender?: string;
  readonly ip: Ip;
  readonly target: Ip;
}): Buffer {
  const { from, sender = from, ip, target } = of;
  const fixed = Buffer.from("0001080006040001", "hex");
  const parts = [fixed, bytesOf(sender), address(ip), Buffer.alloc(6), address(target)];
  return ethernet(BROADCAST_MAC, from, ARP, Buffer.concat(parts));
}

/** A UDP datagram in a frame. */
export function udp(of: {
  readonly to: string;
  readonly from: string;
  readonly source: Ip;
  readonly destination: Ip;
  readonly ports: readonly [from: number, to: number];
  readonly payload: Uint8Array;
}): Buffer {
  const [sourcePort, destinationPort] = of.ports;
  const datagram = Buffer.alloc(HEADERS_SIZE + of.payload.length);
  const flow = {
    source: ipv4ToUint(of.source),
    destination: ipv4ToUint(of.destination),
    sourcePort,
    destinationPort,
  };
  writeDatagram(datagram, flow, of.payload);
  return ethernet(of.to, of.from, IPV4, datagram);
}

/** What arrives on the link and matches the filter, one line a frame with its MACs. */
export async function listen(
  namespace: NetworkNamespace,
  link: string,
  filter: string,
): Promise<Running> {
  const words = ["tcpdump", "-l", "-n", "-e", "-p", "-Q", "in", "-i", link, ...filter.split(" ")];
  const capture = namespace.spawn(words);
  await waitFor(() => capture.stderr().includes("listening on"), { what: "tcpdump" });
  return capture;
}

function bytesOf(text: string): Uint8Array {
  const mac = parseMac(text);
  if (mac === undefined) throw new Error(`no MAC: ${text}`);
  return macToBytes(mac);
}

const address = (ip: Ip): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(ipv4ToUint(ip));
  return bytes;
};

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
};
