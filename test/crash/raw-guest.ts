// A process inside a guest's namespace: puts DHCP datagrams of any MAC on the wire and tells every reply it hears, line by line.

import { argv, stdin, stdout } from "node:process";
import { createInterface } from "node:readline";
import koffi from "koffi";
import { ip, ipv4ToUint, macToBytes, parseMac } from "#core/address.ts";
import { HEADERS_SIZE, writeDatagram } from "#broker/linux/ip-datagram.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
/** ETH_P_IP in network order. */
const IPV4 = 0x0008;
const MSG_DONTWAIT = 0x40;
const FRAME_HEADER = 14;
const FRAME_LIMIT = 2_048;
/** A look at the socket, and how long after the last word anybody looks, in milliseconds. */
const LOOK_EVERY = 3;
const LOOK_FOR = 20_000;

const libc = koffi.load("libc.so.6");
const socket = libc.func("int socket(int, int, int)") as (...of: number[]) => number;
const bind = libc.func("int bind(int, void *, uint32_t)") as (
  ...of: [number, Buffer, number]
) => number;
const send = libc.func("int64_t send(int, void *, size_t, int)") as (
  ...of: [number, Buffer, number, number]
) => number;
const receive = libc.func("int64_t recv(int, void *, size_t, int)") as (
  ...of: [number, Buffer, number, number]
) => number;
const linkIndex = libc.func("unsigned int if_nametoindex(const char *)") as (
  name: string,
) => number;

interface Order {
  /** Hexadecimal; absent: only tell what was heard so far. */
  readonly payload?: string;
  readonly mac?: string;
  readonly source?: string;
  readonly destination?: string;
  /** Told back when everything heard before has been told. */
  readonly sync: number;
}

const wire = openWire(argv[2] ?? "eth0");
const frame = Buffer.alloc(FRAME_LIMIT);
let lookUntil = 0;
say({ ready: true });
const timer = setInterval(() => {
  if (performance.now() < lookUntil) tellHeard();
}, LOOK_EVERY);
for await (const line of createInterface(stdin)) {
  const order = JSON.parse(line) as Order;
  lookUntil = performance.now() + LOOK_FOR;
  if (order.payload !== undefined) put(order, Buffer.from(order.payload, "hex"));
  tellHeard();
  say({ sync: order.sync });
}
clearInterval(timer);

function openWire(link: string): number {
  const fd = socket(AF_PACKET, SOCK_RAW, IPV4);
  const address = Buffer.alloc(20);
  address.writeUInt16LE(AF_PACKET, 0);
  address.writeUInt16LE(IPV4, 2);
  address.writeInt32LE(linkIndex(link), 4);
  if (fd < 0 || bind(fd, address, address.length) !== 0)
    throw new Error(`cannot listen on ${link} (errno ${koffi.errno()}): run as root`);
  return fd;
}

/** As a frame of the guest: broadcast, or to whoever the bridge is (its ports learn nothing from a broadcast target). */
function put(order: Order, payload: Buffer): void {
  const out = Buffer.alloc(FRAME_HEADER + HEADERS_SIZE + payload.length);
  out.fill(0xff, 0, 6);
  const mac = parseMac(order.mac ?? "");
  if (mac === undefined) throw new Error(`no MAC: ${order.mac}`);
  out.set(macToBytes(mac), 6);
  out.writeUInt16BE(0x0800, 12);
  const flow = {
    source: ipv4ToUint(ip(order.source ?? "0.0.0.0")),
    destination: ipv4ToUint(ip(order.destination ?? "255.255.255.255")),
    sourcePort: 68,
    destinationPort: 67,
  };
  writeDatagram(out.subarray(FRAME_HEADER), flow, payload);
  if (send(wire, out, out.length, 0) !== out.length)
    throw new Error(`a frame did not leave (errno ${koffi.errno()})`);
}

/** Datagrams from port 67 to port 68, by their payload. */
function tellHeard(): void {
  for (;;) {
    const length = receive(wire, frame, frame.length, MSG_DONTWAIT);
    if (length <= 0) return;
    const header = (frame.readUInt8(FRAME_HEADER) & 0x0f) * 4;
    const udp = FRAME_HEADER + header;
    const isReply =
      frame.readUInt8(FRAME_HEADER + 9) === 17 &&
      frame.readUInt16BE(udp) === 67 &&
      frame.readUInt16BE(udp + 2) === 68;
    if (isReply) say({ heard: frame.subarray(udp + 8, length).toString("hex") });
  }
}

function say(what: unknown): void {
  stdout.write(`${JSON.stringify(what)}\n`);
}
