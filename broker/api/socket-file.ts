// The broker's socket as a file: its folder, what is left of a dead broker, and listening with mode 0600.

import { chmodSync, lstatSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { type Server as NetServer, createConnection } from "node:net";
import { dirname, join } from "node:path";
import { BrokerError } from "#core/errors.ts";

/** sun_path in sys/un.h has 108 bytes, one of them the closing zero. */
export const MAX_SOCKET_PATH_BYTES = 107;
/** How long a listener on the socket may take to accept before it is held to be alive. */
const PROBE_LIMIT_MS = 1_000;

/**
 * Listens on `path` with mode 0600 and answers with what removes the file again. A socket that nobody listens on is
 * replaced; a live one is `already-running`. The socket is bound in a private folder and renamed into place, so that it
 * never stands there with a wider mode, and is ready when it appears.
 */
export async function listenOnSocket(server: NetServer, path: string): Promise<() => void> {
  makeFolder(dirname(path));
  await refuseLive(path);
  const nursery = privateFolder(path);
  const born = join(nursery, "s");
  try {
    if (Math.max(Buffer.byteLength(born), Buffer.byteLength(path)) > MAX_SOCKET_PATH_BYTES) {
      throw new BrokerError(
        "invalid-config",
        `the socket's path ${path} is too long for the kernel`,
        {
          hint: `choose one of at most ${MAX_SOCKET_PATH_BYTES - 16} bytes with --socket`,
        },
      );
    }
    await listen(server, born, path);
    chmodSync(born, 0o600);
    renameSync(born, path);
  } finally {
    rmSync(nursery, { recursive: true, force: true });
  }
  const inode = lstatSync(path).ino;
  // A successor may have put its own socket there meanwhile.
  return () => {
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === inode) rmSync(path, { force: true });
  };
}

function listen(server: NetServer, born: string, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (cause: Error) => reject(listenError(path, cause));
    server.once("error", failed);
    server.listen({ path: born }, () => {
      server.off("error", failed);
      resolve();
    });
  });
}

function privateFolder(path: string): string {
  try {
    return mkdtempSync(join(dirname(path), ".s"));
  } catch (cause) {
    throw listenError(path, cause);
  }
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

async function refuseLive(path: string): Promise<void> {
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

function listenError(path: string, cause: unknown): BrokerError {
  const code = cause instanceof Error && "code" in cause ? cause.code : undefined;
  const kind =
    code === "EACCES" || code === "EPERM" || code === "EROFS"
      ? "permission-denied"
      : "system-failure";
  return new BrokerError(kind, `cannot listen on ${path}: ${messageOf(cause)}`, {
    hint: "run as root, or choose another path with --socket",
    cause,
  });
}

const messageOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
