// Our plugin's executable with the daemon as it ships, on disk and in a kernel of its own, begun anew for each case.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ip } from "#core/address.ts";
import { writePoolFile } from "#provision/pool-file.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { brokerPaths, startBroker } from "#test/netns/broker.ts";
import { cocoonIpam } from "./cocoon-ipam.ts";
import type { Sandbox, Subject } from "./subject.ts";

const SUBNET = "10.88.0.0/24";

export const cocoonDaemon: Subject = {
  ...cocoonIpam,
  name: "cocoon-ipam with its daemon",
  fresh: freshDaemon,
};

async function freshDaemon(): Promise<Sandbox> {
  const stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "conformance-daemon-"));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const net = stack.use(await namespaces("node"));
  const paths = brokerPaths(folder);
  await mkdir(paths.state, { recursive: true });
  await writePoolFile(join(paths.state, "pool.json"), poolFile());
  stack.use(await startBroker({ namespace: net.node, folder }));
  return {
    folder,
    ipam: {
      type: "cocoon-ipam",
      socket: paths.socket,
      spool: join(paths.state, "spool"),
      strict: true,
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

function poolFile(): Parameters<typeof writePoolFile>[1] {
  return {
    platform: "local",
    nodeName: "node",
    subnet: SUBNET,
    gateway: ip("10.88.0.1"),
    primaryNIC: "",
    secondaryNICs: [],
    ips: undefined,
    eniIDs: [],
    subnetID: "",
    aliasRangeName: "",
    dnsServers: [],
    dropInternalAccess: false,
    dropCIDRs: [],
    updatedAt: new Date().toISOString(),
    manageIptables: false,
    extra: {},
  };
}
