// The folder that pool.json and everything else of this node is kept in.

import { mkdir } from "node:fs/promises";
import { BrokerError, toBrokerError } from "#core/errors.ts";

/** Makes it, readable by root only. */
export async function makeStateFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new BrokerError(
      "permission-denied",
      `the state folder ${folder} cannot be made: ${toBrokerError(cause).message}`,
      {
        hint: "run as root, or choose another with --state-dir",
        cause,
      },
    );
  }
}
