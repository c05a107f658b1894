// Two disk images for a machine: the product as it is packaged with what it needs to run, and an empty disk for its state.

import { chmodSync, copyFileSync, mkdirSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { foldersElves, layOutFolder } from "#packaging/tree.ts";
import { run } from "#test/netns/process.ts";

const SYSTEM_SIZE = "320M";
const STATE_SIZE = "64M";
const PRODUCT = "usr/lib/cocoon-net";
export const SUBNET = "10.145.0.0/16";
export const GATEWAY = "10.145.0.1";

/** Runs in the machine, once its disks are mounted: a broker on the state disk. */
const BROKER = `#!/bin/sh
export COCOON_NET_STATE_DIR=/state/net COCOON_NET_SOCKET=/run/broker.sock COCOON_NET_METRICS_ADDR=
export COCOON_NET_CNI_CONF_DIR=/run/net.d COCOON_NET_CNI_BIN_DIR=/run/bin COCOON_NET_SKIP_IPTABLES=true
mkdir -p /run/net.d /run/bin /state/net
[ -e /state/net/pool.json ] || { cp /pool.json /state/net/pool.json; sync; }
exec /${PRODUCT}/cocoon-net "$@"
`;

/**
 * Runs in the machine: ADDs without end from the given number on, each third one released again. What the plugin
 * answered is said on the console whole or, when the power goes, not at all: a line counts with its END.
 */
const CALLER = `#!/bin/sh
number=$1
call() {
  echo "ASKS $1 $2 END" >/dev/console
  answer=$(echo '{"cniVersion":"1.0.0","name":"power","type":"bridge","ipam":{"type":"cocoon-ipam","socket":"/run/broker.sock","spool":"/state/net/spool"}}' |
    CNI_COMMAND=$1 CNI_CONTAINERID=$2 CNI_NETNS=/proc/1/ns/net CNI_NETNS_OVERRIDE=1 CNI_IFNAME=eth0 CNI_PATH=/x /${PRODUCT}/cocoon-ipam | tr -d '\\n')
  echo "TOLD $1 $2 $answer END" >/dev/console
}
while :; do
  number=$((number + 1))
  call ADD "pod$number"
  [ $((number % 3)) -ne 0 ] || call DEL "pod$number"
done
`;

/** Makes both images in `folder`; answers with their paths, in the order /dev/vda, /dev/vdb. */
export async function makeDisks(folder: string): Promise<readonly [string, string]> {
  const root = join(folder, "root");
  layOutFolder(join(root, PRODUCT));
  for (const name of ["bin", "dev", "proc", "sys", "run", "tmp", "state"])
    mkdirSync(join(root, name), { recursive: true });
  await copyLibraries(root);
  const busybox = (await run(["sh", "-c", "command -v busybox"])).trim();
  copyFileSync(realpathSync(busybox), join(root, "bin/busybox"));
  await run(["cp", "--remove-destination", join(root, "bin/busybox"), join(root, "bin/sh")]);
  script(join(root, "broker"), BROKER);
  script(join(root, "caller"), CALLER);
  writeFileSync(join(root, "pool.json"), JSON.stringify(poolFile()));
  const [system, state] = [join(folder, "system.img"), join(folder, "state.img")] as const;
  await run(["mkfs.ext4", "-q", "-F", "-d", root, system, SYSTEM_SIZE]);
  await run(["mkfs.ext4", "-q", "-F", state, STATE_SIZE]);
  return [system, state];
}

/** Everything that the dynamic linker would load for Node and its add-ons. */
async function copyLibraries(root: string): Promise<void> {
  const product = join(root, PRODUCT);
  const libraries = new Set<string>();
  for (const [file] of foldersElves(product)) {
    const told = await run(["sh", "-c", `ldd ${join(product, file)} 2>/dev/null || true`]);
    for (const [, path] of told.matchAll(/(?:=> )?(\/\S+) \(0x/g)) libraries.add(path ?? "");
  }
  for (const library of libraries) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(realpathSync(library), join(root, library));
  }
}

function script(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o755);
}

const poolFile = (): object => ({
  platform: "local",
  nodeName: "machine",
  subnet: SUBNET,
  gateway: GATEWAY,
  primaryNIC: "eth0",
  secondaryNICs: [],
  updatedAt: "2026-01-01T00:00:00Z",
});
