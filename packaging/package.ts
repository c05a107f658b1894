// Makes dist/cocoon-net_Linux_x86_64.tar.gz, the .deb and SHA256SUMS out of what `make build` left; same input, same bytes.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { PRIVATE_FOLDER, buildDeb } from "./deb.ts";
import { layOutFolder, setTimes } from "./tree.ts";

const ROOT = join(import.meta.dirname, "..");

/** Makes the three files in `target`. */
export function makePackages(target: string): { archive: string; deb: string; sums: string } {
  const version = packageVersion();
  const seconds = sourceDate();
  const work = mkdtempSync(join(tmpdir(), "cocoon-net-package-"));
  try {
    const root = join(work, "root");
    const folder = join(root, PRIVATE_FOLDER);
    layOutFolder(folder);
    const archive = join(target, "cocoon-net_Linux_x86_64.tar.gz");
    const archived = join(work, "archive", "cocoon-net");
    cpSync(folder, archived, { recursive: true });
    setTimes(archived, seconds);
    writeArchive(join(work, "archive"), archive);
    const deb = join(target, `cocoon-net_${version}_amd64.deb`);
    buildDeb(root, deb, version, seconds);
    const sums = join(target, "SHA256SUMS");
    writeFileSync(sums, [archive, deb].map(checksumLine).join(""));
    return { archive, deb, sums };
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Seconds since 1970 that every entry bears: SOURCE_DATE_EPOCH, else the time of the commit that is checked out. */
function sourceDate(): number {
  const given = process.env["SOURCE_DATE_EPOCH"] ?? commitDate();
  if (!/^\d{1,10}$/.test(given)) {
    throw new Error(
      `SOURCE_DATE_EPOCH is "${given}"; outside a git checkout set it to the release's time in seconds since 1970`,
    );
  }
  return Number(given);
}

function commitDate(): string {
  try {
    return execFileSync("git", ["log", "-1", "--format=%ct"], {
      cwd: ROOT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "";
  }
}

/** GNU tar in its own order, without owners and without gzip's time stamp. */
function writeArchive(folder: string, file: string): void {
  const options = ["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--format=gnu"];
  execFileSync("tar", [...options, "-I", "gzip -n -4", "-C", folder, "-cf", file, "cocoon-net"]);
}

function checksumLine(file: string): string {
  const sum = createHash("sha256").update(readFileSync(file)).digest("hex");
  return `${sum}  ${basename(file)}\n`;
}

function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) {
    return String(manifest.version);
  }
  throw new Error("package.json names no version");
}

if (import.meta.main) {
  const made = makePackages(join(ROOT, "dist"));
  for (const file of [made.archive, made.deb]) {
    process.stdout.write(
      `dist/${basename(file)}: ${(statSync(file).size / 1024 / 1024).toFixed(1)} MiB\n`,
    );
  }
}
