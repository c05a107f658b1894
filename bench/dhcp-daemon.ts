// The daemon of the stock dhcp plugin, which holds the leases that its plugin asks it for.

import { existsSync } from "node:fs";
import { join } from "node:path";
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";
import { STOCK_PLUGINS } from "./node.ts";

export interface DhcpDaemon extends AsyncDisposable {
  /** The plugin's part of a bridge's configuration. */
  readonly ipam: Readonly<Record<string, unknown>>;
}

export async function startDhcpDaemon(
  namespace: NetworkNamespace,
  folder: string,
): Promise<DhcpDaemon> {
  const socket = join(folder, "dhcp.sock");
  const daemon = namespace.spawn([join(STOCK_PLUGINS, "dhcp"), "daemon", "-socketpath", socket]);
  await waitFor(
    () => {
      if (daemon.exit() !== undefined) throw new Error(`dhcp daemon ended:\n${daemon.stderr()}`);
      return existsSync(socket);
    },
    { what: "the dhcp daemon's socket" },
  );
  return {
    ipam: { type: "dhcp", daemonSocketPath: socket },
    [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
  };
}
