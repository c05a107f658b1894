// One table of nftables, through the nft program: listed, replaced, taken away.

import { BrokerError } from "#core/errors.ts";
import type { NodeTables } from "#broker/node/ports.ts";
import { runCommand } from "./command.ts";

const FAMILY = "bridge";

/** Throws `system-failure` with a remedy where nft is not installed and was asked for more than what stands. */
export function openTables(): NodeTables {
  return {
    async list(table) {
      try {
        return await runCommand("nft", ["-j", "list", "table", FAMILY, table]);
      } catch (thrown) {
        if (thrown instanceof BrokerError && (isMissing(thrown) || isAbsent(thrown)))
          return undefined;
        throw thrown;
      }
    },
    async write(text) {
      try {
        await runCommand("nft", ["-f", "-"], text);
      } catch (thrown) {
        if (!(thrown instanceof BrokerError) || !isMissing(thrown)) throw thrown;
        throw new BrokerError(
          "system-failure",
          "nft is not installed: guests' ports are not checked",
          {
            cause: thrown,
            hint: "apt-get install nftables, or leave --guest-mac-check out",
          },
        );
      }
    },
    async remove(table) {
      await runCommand("nft", ["delete", "table", FAMILY, table]);
    },
  };
}

/** nft's word for a table that does not exist. */
const isAbsent = (error: BrokerError): boolean =>
  error.message.includes("No such file or directory");

const isMissing = ({ cause }: BrokerError): boolean =>
  cause instanceof Error && "code" in cause && cause.code === "ENOENT";
