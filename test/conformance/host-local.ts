// Debian's host-local as the harness's subject: what the cases were taken from, so the check of the harness itself.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownNamespace } from "./cases-skeleton.ts";
import type { Sandbox, Subject } from "./subject.ts";

const older = "Debian's release 1.1.1 was built before libcni's skeleton did it";

export const hostLocal: Subject = {
  name: "host-local",
  plugin: "/usr/lib/cni/host-local",
  versions: ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0"],
  departures: {
    "2A 6": { why: "the skeleton refuses such an ID before host-local sees it" },
    "2C 9": {
      why: "it leaks at times: a reservation is created first and its owner written later",
    },
    "2C 6": { why: older, run: (driver) => ownNamespace(driver, 0) },
  },
  async fresh(): Promise<Sandbox> {
    const folder = await mkdtemp(join(tmpdir(), "conformance-host-local-"));
    return {
      folder,
      ipam: { type: "host-local", dataDir: join(folder, "networks") },
      [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
    };
  },
};
