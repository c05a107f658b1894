// A call without a machine, made once when the executable is built: what the engine makes at its first use is then in the image.
import type { Host } from "./host.ts";

const CONF = '{"cniVersion":"1.0.0","name":"-","ipam":{"type":"-","socket":"/-","spool":"/-"}}';
const BODY = '{"exitCode":0,"stdout":"-","confirm":"-"}';
const BOOT_ID = 9;
const ANSWER = `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`;

/** The host of an ADD that is served; `real` gives what needs no system call. */
export function rehearsalHost(real: Host): Host {
  let input = CONF;
  let answer = ANSWER;
  return {
    ...real,
    environment: (name) => (name === "CNI_COMMAND" ? "ADD" : "/-"),
    boottime: () => "1",
    openForReading: () => BOOT_ID,
    read(descriptor, into) {
      if (descriptor === BOOT_ID) return 0;
      const bytes = real.encode(input);
      input = "";
      into.set(bytes);
      return bytes.length;
    },
    write: (_descriptor, bytes) => bytes.length,
    close: () => undefined,
    identity: () => ({ dev: "1", ino: "1" }),
    connect: () => ({
      send: () => undefined,
      receive() {
        const bytes = real.encode(answer);
        answer = "";
        return bytes;
      },
      close: () => undefined,
    }),
  };
}
