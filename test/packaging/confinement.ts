// What a unit's [Service] section forbids, as data that confine.ts can bring about without systemd.

import { allowedCalls, callSets } from "./call-sets.ts";
import { words } from "./unit-file.ts";

/** A system call that is refused when (argument & mask) == value; without `when` always. */
export type Refusal = {
  call: string;
  errno: number;
  when?: { argument: number; mask: number; value: number };
};

export type Confinement = {
  /** Kept in the bounding set, by name. */
  capabilities: string[];
  noNewPrivileges: boolean;
  /** Writable paths; all else is read-only but /dev, /proc and /sys. */
  writable: string[];
  /** Empty folders over these. */
  hidden: string[];
  /** Fresh writable folders over these. */
  fresh: string[];
  readOnly: string[];
  privateDevices: boolean;
  /** What SystemCallFilter= leaves. */
  calls: string[];
  callErrno: number;
  refusals: Refusal[];
  umask: number;
  /** Options of prlimit(1). */
  limits: string[];
};

const EPERM = 1;
const ENOSYS = 38;
const EAFNOSUPPORT = 97;
/** AF_MAX of Linux 6 is 46. */
const FAMILIES = 46;
const FAMILY_NUMBERS: Readonly<Record<string, number>> = {
  AF_UNIX: 1,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  AF_PACKET: 17,
};
/** CLONE_NEW* of cgroup, ipc, net, mnt, pid, user, uts, time; clone(2). */
const NAMESPACE_FLAGS = [
  0x02000000, 0x08000000, 0x40000000, 0x00020000, 0x20000000, 0x10000000, 0x04000000, 0x00000080,
];
const SET_ID_BITS = [0o4000, 0o2000];

/** Directives of [Service] that the confinement brings about; unit.test.ts holds the unit to these lists. */
export const ENFORCED: readonly string[] = [
  "CapabilityBoundingSet",
  "NoNewPrivileges",
  "ProtectSystem",
  "ReadWritePaths",
  "RuntimeDirectory",
  "StateDirectory",
  "ConfigurationDirectory",
  "ProtectHome",
  "PrivateTmp",
  "PrivateDevices",
  "ProtectKernelModules",
  "ProtectControlGroups",
  "RestrictAddressFamilies",
  "RestrictNamespaces",
  "RestrictSUIDSGID",
  "LockPersonality",
  "SystemCallFilter",
  "SystemCallErrorNumber",
  "SystemCallArchitectures",
  "UMask",
  "LimitCORE",
];

/** Directives that it does not bring about, each with the reason. */
export const NOT_ENFORCED: Readonly<Record<string, string>> = {
  Type: "the test listens on NOTIFY_SOCKET itself",
  NotifyAccess: "systemd's own check of who notifies",
  ExecStart: "taken as it stands, and run",
  WatchdogSec: "the test sets WATCHDOG_USEC from it; restarting is systemd's",
  Restart: "systemd's",
  RestartSec: "systemd's",
  RestartPreventExitStatus: "systemd's; the test looks at the exit code",
  TimeoutStartSec: "systemd's",
  TimeoutStopSec: "systemd's",
  KillMode: "systemd's",
  OOMScoreAdjust: "gives, takes nothing away; a machine that tests may lack CAP_SYS_RESOURCE",
  LimitNOFILE: "gives, takes nothing away; a machine that tests may lack CAP_SYS_RESOURCE",
  TasksMax: "needs a cgroup of its own",
  RuntimeDirectoryPreserve: "systemd's",
  ProtectKernelLogs: "its capability is gone and its call is refused by the filter",
  ProtectClock: "its capability is gone and its calls are refused by the filter",
  RestrictRealtime: "nothing of ours or of Node asks for real-time scheduling",
  ProtectKernelTunables: "off",
  ProtectProc: "off",
  ProcSubset: "off",
  MemoryDenyWriteExecute: "off",
};

export function confinementOf(service: ReadonlyMap<string, readonly string[]>): Confinement {
  const one = (key: string): string => service.get(key)?.at(-1) ?? "";
  const on = (key: string): boolean => one(key) === "yes";
  return {
    capabilities: words(service, "CapabilityBoundingSet"),
    noNewPrivileges: on("NoNewPrivileges"),
    writable: [
      ...words(service, "ReadWritePaths"),
      ...words(service, "RuntimeDirectory").map((name) => `/run/${name}`),
      ...words(service, "StateDirectory").map((name) => `/var/lib/${name}`),
      ...words(service, "ConfigurationDirectory").map((name) => `/etc/${name}`),
    ],
    hidden: [
      ...(on("ProtectHome") ? ["/home", "/root", "/run/user"] : []),
      ...(on("ProtectKernelModules") ? ["/usr/lib/modules"] : []),
    ],
    fresh: on("PrivateTmp") ? ["/tmp", "/var/tmp"] : [],
    readOnly: on("ProtectControlGroups") ? ["/sys/fs/cgroup"] : [],
    privateDevices: on("PrivateDevices"),
    calls: [...allowedCalls(service.get("SystemCallFilter") ?? [], callSets())],
    callErrno: EPERM,
    refusals: [
      ...familyRefusals(words(service, "RestrictAddressFamilies")),
      ...(on("RestrictNamespaces") ? namespaceRefusals() : []),
      ...(on("RestrictSUIDSGID") ? setIdRefusals() : []),
      ...(on("LockPersonality") ? personalityRefusals() : []),
    ],
    umask: Number.parseInt(one("UMask"), 8),
    limits: [`--core=${one("LimitCORE")}`],
  };
}

const ALL_BITS = 0xffffffff;

function familyRefusals(allowed: readonly string[]): Refusal[] {
  const numbers = new Set(allowed.map((name) => FAMILY_NUMBERS[name]));
  return Array.from({ length: FAMILIES }, (_, family) => family)
    .filter((family) => !numbers.has(family))
    .map((value) => ({
      call: "socket",
      errno: EAFNOSUPPORT,
      when: { argument: 0, mask: ALL_BITS, value },
    }));
}

function namespaceRefusals(): Refusal[] {
  const refusals = NAMESPACE_FLAGS.flatMap((flag) =>
    [
      { call: "clone", argument: 0 },
      { call: "unshare", argument: 0 },
      { call: "setns", argument: 1 },
    ].map(({ call, argument }) => ({
      call,
      errno: EPERM,
      when: { argument, mask: flag, value: flag },
    })),
  );
  const anyNamespace = { argument: 1, mask: ALL_BITS, value: 0 };
  // clone3 has its flags in memory, where a filter cannot see them: ENOSYS makes libc use clone.
  return [
    ...refusals,
    { call: "setns", errno: EPERM, when: anyNamespace },
    { call: "clone3", errno: ENOSYS },
  ];
}

function setIdRefusals(): Refusal[] {
  return SET_ID_BITS.flatMap((bit) =>
    [
      { call: "chmod", argument: 1 },
      { call: "fchmod", argument: 1 },
      { call: "fchmodat", argument: 2 },
      { call: "mkdir", argument: 1 },
    ].map(({ call, argument }) => ({
      call,
      errno: EPERM,
      when: { argument, mask: bit, value: bit },
    })),
  );
}

function personalityRefusals(): Refusal[] {
  const bits = Array.from({ length: 31 }, (_, bit) => 2 ** bit);
  return bits.map((bit) => ({
    call: "personality",
    errno: EPERM,
    when: { argument: 0, mask: bit, value: bit },
  }));
}
