// Sends its input, a message in hexadecimal, to port 67 of the address that is its argument.

import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { argv, stdin } from "node:process";

const [, , server = ""] = argv;
const socket = createSocket("udp4");
socket.send(Buffer.from(readFileSync(stdin.fd, "utf8"), "hex"), 67, server, (error) => {
  if (error !== null) throw error;
  socket.close();
});
