// The broker's socket as a file: its folder, what is left of a dead broker, and listening with mode 0600.

import { lstatSync, mkdirSync, rmSync } from "node:fs";
import { type Server as NetServer, createConnection } from "node:net";
import { dirname } from "node:path";
import process from "node:process";
import { BrokerError } from "#core/errors.ts";

/** sun_path in sys/un.h has 108 bytes, one of them the closing zero. */
export const MAX_SOCKET_PATH_BYTES = 107;
/** How long a listener on the socket may take to accept before it is held to be alive. */
const PROBE_LIMIT_MS = 1_000;

/** Listens on `path` with mode 0600. A socket that nobody listens on is removed first; a live one is `already-running`. */
export async function listenOnSocket(server: NetServer, path: string): Promise<void> {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new BrokerError(
      "invalid-config",
      `the socket's path ${path} has more than ${MAX_SOCKET_PATH_BYTES} bytes`,
      {
        hint: "choose a shorter one with --socket",
      },
    );
  }
  makeFolder(dirname(path));
  await clearStale(path);
  await new Promise<void>((resolve, reject) => {
    const failed = (cause: Error) => reject(listenError(path, cause));
    server.once("error", failed);
    // bind(2) happens inside listen, so that the file never exists with a wider mode.
    const previous = process.umask(0o177);
    try {
      server.listen({ path }, () => {
        server.off("error", failed);
        resolve();
      });
    } finally {
      process.umask(previous);
    }
  });
}

/** Whether anybody accepts connections on the socket. */
export async function isListening(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createConnection({ path });
    const answer = (alive: boolean) => {
      probe.destroy();
      resolve(alive);
    };
    probe.setTimeout(PROBE_LIMIT_MS, () => answer(true));
    probe.once("connect", () => answer(true));
    // EAGAIN: its queue is full, so somebody made it and lives.
    probe.once("error", (error) => answer("code" in error && error.code === "EAGAIN"));
  });
}

async function clearStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new BrokerError("invalid-config", `${path} exists and is not a socket`, {
      hint: "remove it, or choose another path with --socket",
    });
  }
  if (await isListening(path)) {
    throw new BrokerError("already-running", `a broker is already listening on ${path}`, {
      hint: "look at it with `cocoon-net status`, stop it, or give this one another --socket and --state-dir",
    });
  }
  rmSync(path, { force: true });
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  } catch (cause) {
    throw new BrokerError(
      "permission-denied",
      `the folder ${folder} of the socket cannot be made: ${messageOf(cause)}`,
      {
        hint: "run as root, or choose another path with --socket",
        cause,
      },
    );
  }
}

function listenError(path: string, cause: Error): BrokerError {
  const code = "code" in cause ? cause.code : undefined;
  if (code === "EADDRINUSE") {
    return new BrokerError("already-running", `another broker has just taken ${path}`, {
      hint: "look at it with `cocoon-net status`",
      cause,
    });
  }
  const kind =
    code === "EACCES" || code === "EPERM" || code === "EROFS"
      ? "permission-denied"
      : "system-failure";
  return new BrokerError(kind, `cannot listen on ${path}: ${cause.message}`, {
    hint: "run as root, or choose another path with --socket",
    cause,
  });
}

const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
