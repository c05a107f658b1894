// A process that confines itself as a unit says and then becomes the unit's command: node confine.ts CONFINEMENT COMMAND ...
// It has to be started in a mount namespace of its own.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import koffi from "koffi";
import { CAPABILITIES } from "./capabilities.ts";
import type { Confinement } from "./confinement.ts";
import { loadFilters } from "./seccomp.ts";

const PR_CAPBSET_DROP = 24;
const F_SETFD = 2;
const PR_SET_NO_NEW_PRIVS = 38;
const DEVICES = ["null", "zero", "full", "random", "urandom", "tty"];
/** What ProtectSystem=strict leaves alone, systemd.exec(5). */
const LEFT_ALONE = ["/dev", "/proc", "/sys"];

const [plan = "", ...command] = process.argv.slice(2);
become(JSON.parse(plan) as Confinement, command);

function become(confinement: Confinement, argv: readonly string[]): never {
  confineMounts(confinement);
  process.umask(confinement.umask);
  const libc = koffi.load("libc.so.6");
  const prctl = libc.func("int prctl(int, ulong, ulong, ulong, ulong)") as (
    ...args: number[]
  ) => number;
  const execve = libc.func("int execve(str, const char **, const char **)") as (
    file: string,
    argv: (string | null)[],
    env: (string | null)[],
  ) => number;
  for (const [number, name] of CAPABILITIES.entries()) {
    if (confinement.capabilities.includes(name)) continue;
    if (prctl(PR_CAPBSET_DROP, number, 0, 0, 0) !== 0) fail(`cannot drop ${name}`);
  }
  if (confinement.noNewPrivileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) !== 0) {
    fail("cannot set no_new_privs");
  }
  const fcntl = libc.func("int fcntl(int, int, int)") as (...args: number[]) => number;
  for (const stream of [0, 1, 2]) {
    // Node has marked what it inherited to be closed by execve.
    if (fcntl(stream, F_SETFD, 0) !== 0) fail(`cannot keep descriptor ${stream}`);
  }
  const environment = Object.entries(process.env).map(([name, value]) => `${name}=${value}`);
  loadFilters(confinement);
  execve(argv[0] ?? "", [...argv, null], [...environment, null]);
  return fail(`cannot become ${argv.join(" ")}: errno ${koffi.errno()}`);
}

function confineMounts(confinement: Confinement): void {
  for (const folder of confinement.hidden.filter((one) => existsSync(one))) {
    mount("-t", "tmpfs", "-o", "mode=0000,ro", "tmpfs", folder);
  }
  for (const folder of confinement.writable) mount("--rbind", folder, folder);
  const kept = [...LEFT_ALONE, ...confinement.writable];
  const isKept = (path: string): boolean =>
    kept.some((one) => path === one || path.startsWith(`${one}/`));
  for (const path of mountPoints()) {
    if (!isKept(path)) makeReadOnly(path);
  }
  for (const folder of confinement.fresh) mount("-t", "tmpfs", "-o", "mode=1777", "tmpfs", folder);
  for (const folder of confinement.readOnly.filter((one) => existsSync(one))) {
    mount("--bind", folder, folder);
    mount("-o", "remount,bind,ro", folder);
  }
  if (confinement.privateDevices) makeDevices();
}

function makeReadOnly(path: string): void {
  try {
    mount("-o", "remount,bind,ro", path);
  } catch (error) {
    // Namespaces of others come and go in /run/netns meanwhile, and what was mounted there with them.
    if (existsSync(path)) throw error;
  }
}

function makeDevices(): void {
  const prepared = "/tmp/dev";
  mkdirSync(prepared);
  mount("-t", "tmpfs", "-o", "mode=0755", "tmpfs", prepared);
  for (const device of DEVICES) {
    writeFileSync(`${prepared}/${device}`, "");
    mount("--bind", `/dev/${device}`, `${prepared}/${device}`);
  }
  mount("--rbind", prepared, "/dev");
}

function mountPoints(): string[] {
  const lines = readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n");
  const paths = lines.map((line) => (line.split(" ")[4] ?? "").replaceAll(/\\(\d{3})/g, unescape8));
  return [...new Set(paths)];
}

function unescape8(_match: string, digits: string): string {
  return String.fromCharCode(Number.parseInt(digits, 8));
}

function mount(...parameters: string[]): void {
  execFileSync("mount", parameters, { stdio: ["ignore", "ignore", "pipe"] });
}

function fail(message: string): never {
  throw new Error(message);
}
