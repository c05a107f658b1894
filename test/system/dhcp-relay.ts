// A relay's side of one exchange: sends the message (hexadecimal) to the server's port 67 from its own, prints the answer.

import { createSocket } from "node:dgram";
import { argv } from "node:process";

const [, , own = "", server = "", hex = ""] = argv;
const socket = createSocket("udp4");
socket.on("message", (message) => {
  console.log(message.toString("hex"));
  socket.close();
});
socket.bind(67, own, () => socket.send(Buffer.from(hex, "hex"), 67, server));
