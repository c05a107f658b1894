// A process inside a guest's namespace: puts each line of hexadecimal as a frame on the link, exactly as it is.

import { argv, stdin, stdout } from "node:process";
import { createInterface } from "node:readline";
import koffi from "koffi";
import { interfaceIndex, socketCalls } from "#broker/linux/libc.ts";

const AF_PACKET = 17;
const SOCK_RAW = 3;
const link = argv[2] ?? "eth0";

const fd = socketCalls.socket(AF_PACKET, SOCK_RAW, 0);
const address = Buffer.alloc(20);
address.writeUInt16LE(AF_PACKET, 0);
address.writeInt32LE(interfaceIndex(link) ?? 0, 4);
if (fd < 0 || socketCalls.bind(fd, address, address.length) !== 0)
  throw new Error(`cannot send on ${link} (errno ${koffi.errno()}): run as root`);
stdout.write("ready\n");
let sent = 0;
for await (const line of createInterface(stdin)) {
  const frame = Buffer.from(line, "hex");
  if (socketCalls.send(fd, frame, frame.length, 0) !== frame.length)
    throw new Error(`a frame did not leave (errno ${koffi.errno()})`);
  sent += 1;
  stdout.write(`sent ${sent}\n`);
}
