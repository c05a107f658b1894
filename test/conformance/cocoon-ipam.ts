// Our plugin's executable as the harness's subject, with a broker of its own for each case.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { cniVersions } from "#broker/cni/version.ts";
import { brokerFixture } from "#test/cni/broker-fixture.ts";
import { serveCni } from "./broker-server.ts";
import { neededVariables, versions } from "./cases-skeleton.ts";
import type { Sandbox, Subject } from "./subject.ts";

export const cocoonIpam: Subject = {
  name: "cocoon-ipam",
  plugin: resolve("dist/cocoon-ipam"),
  versions: cniVersions,
  departures: {
    "2C 1": {
      why: "a release does not fail for CNI_PATH, nor STATUS for any variable: the spec has them optional; GC and STATUS are driven too",
      run: (driver) =>
        neededVariables(driver, {
          ADD: [],
          CHECK: [],
          DEL: ["CNI_NETNS", "CNI_PATH"],
          GC: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
          STATUS: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"],
        }),
    },
    "2C 4": {
      why: "only the conf tells where the broker is: without JSON the default socket is asked, and where nobody serves there that is code 11; the broker's code 6 is a row of test/cni/call.test.ts",
      run: (driver) => versions(driver, [6, 11]),
    },
  },
  fresh: () => freshBroker({ strict: true }),
};

export interface BrokerSandbox extends Sandbox {
  /** Leases whose result has not been confirmed. */
  readonly provisional: () => number;
}

/** `ipam` goes into every conf of the case, beside what leads to the broker. */
export async function freshBroker(ipam: object): Promise<BrokerSandbox> {
  const folder = await mkdtemp(join(tmpdir(), "conformance-cocoon-"));
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const { cni, ledger } = brokerFixture({ bootId, readText: (path) => readFile(path, "utf8") });
  const socket = join(folder, "broker.sock");
  const server = await serveCni(cni, socket);
  return {
    folder,
    provisional: () => [...ledger.provisional()].length,
    ipam: { type: "cocoon-ipam", socket, spool: join(folder, "spool"), ...ipam },
    async [Symbol.asyncDispose](): Promise<void> {
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
