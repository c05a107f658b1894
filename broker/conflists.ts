// Task: keeps both conflists as they should be; the containers' one appears when the broker can serve it.

import {
  type Conflist,
  containerChain,
  containerConflist,
  guestConflist,
} from "#conflist/conflist.ts";
import { probeVersions } from "#conflist/probe.ts";
import { conflistDiffers, writeConflist } from "#conflist/write.ts";
import type { Config } from "./config.ts";
import { type Task, pause } from "./task.ts";

/** Between two looks at the files, in milliseconds: drift is repaired within 15 s. */
const PERIOD = 10_000;

export interface ConflistsOptions {
  readonly config: Pick<Config, "bridge" | "cniBinDir" | "cniConfDir" | "socket" | "spoolPath">;
  /** MTU of the bridge, in bytes. */
  readonly mtu: number;
  readonly wrote: (fileName: string) => void;
  readonly trouble: (what: string, error: Error) => void;
}

export interface Conflists extends Task {
  /** Writes what differs. Rejects when a plugin of the chain is missing or the folder cannot be written. */
  write(): Promise<void>;
}

export function createConflists({ config, mtu, wrote, trouble }: ConflistsOptions): Conflists {
  let containers: Conflist | undefined;

  async function write(): Promise<void> {
    await put(guestConflist(config.bridge));
    containers ??= await describeContainers();
    await put(containers);
  }

  /** The plugins are asked once; doctor reports when their versions change (spec section 2). */
  async function describeContainers(): Promise<Conflist> {
    const plugins = await probeVersions(config.cniBinDir, containerChain);
    const { bridge, socket, spoolPath: spool } = config;
    return containerConflist({ bridge, mtu, plugins, socket, spool });
  }

  async function put(conflist: Conflist): Promise<void> {
    if (!(await conflistDiffers(config.cniConfDir, conflist))) return;
    await writeConflist(config.cniConfDir, conflist);
    wrote(conflist.fileName);
  }

  return {
    name: "conflists",
    write,
    async run(signal) {
      let told = "";
      while (!signal.aborted) {
        try {
          await write();
          told = "";
        } catch (thrown) {
          const error = thrown instanceof Error ? thrown : new Error(String(thrown));
          // Once for each kind of trouble: the file is looked at again and again.
          if (error.message !== told) trouble("conflist", error);
          told = error.message;
        }
        await pause(PERIOD, signal);
      }
    },
  };
}
