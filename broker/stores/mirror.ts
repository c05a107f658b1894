// leases.json: written whole and atomically, read tolerantly, since the Go version and people write it too.

import { createHash, hash } from "node:crypto";
import { open } from "node:fs/promises";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { Mirror, MirrorEntry } from "#core/ports.ts";
import { type Steps, inTurns } from "#core/turns.ts";
import { replaceFile } from "./folder.ts";
import { decodeMirror, mirrorText } from "./mirror-rows.ts";

const MODE = 0o600;
/** A row is about 90 bytes; 32 MiB are five times the rows of the largest pool. */
const MAX_BYTES = 32 * 1_024 * 1_024;

export interface MirrorOptions {
  /** The file; its folder must exist. */
  readonly path: string;
  /** Told of what a `read` left out, in words: rows that are no lease, or that the file is no list at all. */
  readonly trouble: (faults: readonly string[]) => void;
}

/**
 * The mirror. A file that cannot be opened throws a BrokerError; one that is damaged reads as its good rows (possibly
 * none), and `trouble` hears of the others when they are asked for: a broken mirror must not keep the ledger from serving.
 */
export function openMirror({ path, trouble }: MirrorOptions): Mirror {
  // What is asked for its digest is mostly written next: 65,536 rows are not made into text twice.
  let made: (Made & { readonly of: readonly MirrorEntry[] }) | undefined;
  const make = async (entries: readonly MirrorEntry[]): Promise<Made> =>
    made?.of === entries ? made : inTurns(makeText(entries), nextTurn);
  return {
    async read() {
      const bytes = await readBytes(path);
      if (bytes === undefined) return undefined;
      let rows: Rows | undefined;
      // Most files are our own and known by their digest: 65,536 rows are not read for nothing.
      const read = () => (rows ??= readRows(bytes, trouble));
      return {
        digest: hash("sha256", bytes),
        get entries() {
          return read().entries;
        },
        get damaged() {
          return read().faults.length > 0;
        },
      };
    },
    async digest(entries) {
      made = { of: entries, ...(await make(entries)) };
      return made.digest;
    },
    async write(entries) {
      const { pieces, digest } = await make(entries);
      made = undefined;
      try {
        await replaceFile(path, pieces, MODE);
      } catch (thrown) {
        throw mirrorFault("write", path, thrown);
      }
      return digest;
    },
  };
}

interface Made {
  readonly pieces: readonly Buffer[];
  readonly digest: string;
}

function* makeText(entries: readonly MirrorEntry[]): Steps<Made> {
  const pieces = yield* mirrorText(entries);
  const digest = createHash("sha256");
  for (const piece of pieces) {
    digest.update(piece);
    yield;
  }
  return { pieces, digest: digest.digest("hex") };
}

/** Others are answered while 65,536 rows are made. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Rows = ReturnType<typeof decodeMirror>;

function readRows(bytes: Buffer, trouble: MirrorOptions["trouble"]): Rows {
  const rows = decodeMirror(bytes);
  if (rows.faults.length > 0) trouble(rows.faults);
  return rows;
}

async function readBytes(path: string): Promise<Buffer | undefined> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw new RangeError(`it has ${size} bytes, more than ${MAX_BYTES}`);
    return await file.readFile();
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw mirrorFault("read", path, thrown);
  }
}

function mirrorFault(action: string, path: string, thrown: unknown): BrokerError {
  const reason = toBrokerError(thrown).message;
  const hint = `check owner, mode and free space of ${path} and its folder; the ledger itself is not affected`;
  return new BrokerError("system-failure", `cannot ${action} the lease mirror ${path}: ${reason}`, {
    hint,
    cause: thrown,
  });
}
