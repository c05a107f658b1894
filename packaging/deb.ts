// The Debian package: what dpkg owns, what it says about itself, and what its scripts do.
//
// dpkg owns /usr/lib/cocoon-net and /usr/share/doc/cocoon-net, nothing else. What stands elsewhere (the link in
// /usr/local/bin, the plugin in /opt/cni/bin, the unit in /etc/systemd/system) is made by `cocoon-net install`, on a
// node that installs the .tar.gz as well; prerm takes it away again where it still is ours.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DOCUMENTS, copyTo, put, setTimes } from "./tree.ts";

export const PRIVATE_FOLDER = "usr/lib/cocoon-net";
const DOC_FOLDER = "usr/share/doc/cocoon-net";

/** Turns `root`, whose /usr/lib/cocoon-net is laid out, into a package at `file`. `seconds` is the time of every entry. */
export function buildDeb(root: string, file: string, version: string, seconds: number): void {
  const folder = join(root, PRIVATE_FOLDER);
  renameSync(join(folder, "copyright"), join(root, "copyright"));
  copyTo(join(root, "copyright"), join(root, DOC_FOLDER, "copyright"), 0o644);
  rmSync(join(root, "copyright"));
  for (const [name] of DOCUMENTS) {
    copyTo(join(folder, name), join(root, DOC_FOLDER, name), 0o644);
    rmSync(join(folder, name));
  }
  put(join(root, "DEBIAN/control"), control(version, installedKib(root)), 0o644);
  put(join(root, "DEBIAN/md5sums"), checksums(root), 0o644);
  for (const script of ["postinst", "prerm"]) {
    copyTo(join(import.meta.dirname, script), join(root, "DEBIAN", script), 0o755);
  }
  setTimes(root, seconds);
  execFileSync("dpkg-deb", ["--root-owner-group", "-Zzstd", "-z9", "--build", root, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(seconds) },
    stdio: ["ignore", "ignore", "inherit"],
  });
}

function control(version: string, kib: number): string {
  const fields: Record<string, string> = {
    Package: "cocoon-net",
    Version: version,
    Architecture: "amd64",
    Section: "net",
    Priority: "optional",
    Maintainer: "The cocoon-net authors <cocoon-net@localhost>",
    "Installed-Size": String(kib),
    // Ubuntu 22.04 and Debian 12 have these; the files' symbol versions are checked against them when packaging.
    Depends: "libc6 (>= 2.35), libgcc-s1, libstdc++6 (>= 12)",
    // `--skip-iptables` does without, nft is for `--guest-mac-check`; a node whose conflists run containers has the bridge
    // plugin from somewhere.
    Recommends: "iptables, nftables, containernetworking-plugins",
    Description: "addresses for containers and virtual machines of one node",
  };
  const text = [
    "One broker per node owns the node's addresses: containers get theirs through a",
    "CNI IPAM plugin, guests by DHCP on the bridge, both from one pool, each with a",
    "host route. Brings its own Node runtime; nothing else on the node uses it.",
  ];
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}`);
  return `${[...lines, ...text.map((line) => ` ${line}`)].join("\n")}\n`;
}

/** Of every file that dpkg will own, so that `dpkg --verify` tells a damaged one. */
function checksums(root: string): string {
  const lines = filesBelow(root)
    .filter((path) => !path.startsWith("DEBIAN/"))
    .map((path) => {
      const sum = createHash("md5")
        .update(readFileSync(join(root, path)))
        .digest("hex");
      return `${sum}  ${path}\n`;
    });
  return lines.join("");
}

function installedKib(root: string): number {
  const bytes = filesBelow(root).map((path) => statSync(join(root, path)).size);
  return Math.ceil(bytes.reduce((sum, size) => sum + size, 0) / 1024);
}

function filesBelow(root: string): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();
}
