// Settings: which source wins, what each spelling means, and errors that name their source.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ConfigInput, loadConfig, notifyEnvironment } from "#broker/config.ts";
import { CONFIG_FILE_LIMIT_BYTES } from "#broker/config-file.ts";
import { type Setting, parseListen, variableOf } from "#broker/setting.ts";
import { settings } from "#broker/settings.ts";
import { configReference } from "#cli/config-reference.ts";
import { BrokerError } from "#core/errors.ts";

const load = (input: ConfigInput & { file?: string }) =>
  loadConfig({ environment: {}, hostName: "node-1", readFile: () => input.file, ...input });

function fault(input: ConfigInput & { file?: string }): BrokerError {
  try {
    load(input);
  } catch (thrown) {
    if (thrown instanceof BrokerError) return thrown;
    throw thrown;
  }
  throw new Error("the settings were accepted");
}

describe("precedence", () => {
  const file = "bridge: br-file\n";
  const environment = { COCOON_NET_BRIDGE: "br-env" };
  const flags = { bridge: "br-flag" };
  test.each([
    ["flag over all", { flags, environment, file }, "br-flag", "flag"],
    ["variable over file", { environment, file }, "br-env", "variable"],
    ["file over default", { file }, "br-file", "file"],
    ["default", {}, "cni0", "default"],
    [
      "an empty variable is none",
      { environment: { COCOON_NET_BRIDGE: "" }, file },
      "br-file",
      "file",
    ],
  ] as const)("%s", (_what, input, bridge, source) => {
    const config = load(input);
    expect([config.bridge, config.sources.bridge]).toEqual([bridge, source]);
  });

  test("an empty metrics address disables, from flag and variable", () => {
    expect(load({ environment: { COCOON_NET_METRICS_ADDR: "" } }).metricsAddr).toBe("");
    expect(load({ flags: { metricsAddr: "" } }).metricsAddr).toBe("");
    expect(load({}).metricsAddr).toBe(":9092");
  });

  test("paths follow the state folder", () => {
    expect(load({ flags: { stateDir: "/srv/a" } })).toMatchObject({
      poolFile: "/srv/a/pool.json",
      ledgerPath: "/srv/a/ledger",
      spoolPath: "/srv/a/spool",
      leaseFile: "/srv/a/leases.json",
      nodeName: "node-1",
    });
    expect(load({ flags: { stateDir: "/srv/a", leaseFile: "/srv/b.json" } }).leaseFile).toBe(
      "/srv/b.json",
    );
  });
});

describe("spellings", () => {
  test.each([
    ["a repeated flag", { flags: { dropCidr: ["10.0.0.0/8", "192.168.0.0/16"] } }],
    ["a joined variable", { environment: { COCOON_NET_DROP_CIDR: "10.0.0.0/8, 192.168.0.0/16" } }],
    ["a list in the file", { file: "drop-cidr: [10.0.0.0/8, 192.168.0.0/16]" }],
    ["text in the file", { file: "drop-cidr: 10.0.0.0/8,192.168.0.0/16" }],
  ] as const)("%s is a list", (_what, input) => {
    expect(load(input).dropCidr).toEqual(["10.0.0.0/8", "192.168.0.0/16"]);
  });

  test("switches and nested keys", () => {
    const config = load({
      file: "dhcp:\n  allowRelay: true\n  leaseSeconds: 600\nguest-isolation: yes\n",
      environment: { COCOON_NET_SKIP_IPTABLES: "1" },
    });
    expect(config).toMatchObject({
      dhcpAllowRelay: true,
      dhcpLeaseSeconds: 600,
      guestIsolation: true,
      skipIptables: true,
    });
    expect(load({ environment: { COCOON_NET_DHCP_LEASE_SECONDS: "700" } }).dhcpLeaseSeconds).toBe(
      700,
    );
  });

  test.each([
    [":9092", { host: "", port: 9092 }],
    ["127.0.0.1:80", { host: "127.0.0.1", port: 80 }],
    ["[::1]:80", { host: "::1", port: 80 }],
    ["::1:80", undefined],
    ["host", undefined],
    [":70000", undefined],
  ])("listen address %s", (text, expected) => {
    expect(parseListen(text)).toEqual(expected);
  });
});

describe("errors name their source", () => {
  test.each([
    [
      "flag",
      { flags: { subnet: "10.0.0.7/24" } },
      'flag --subnet: "10.0.0.7/24" has bits set behind its prefix length',
    ],
    [
      "variable",
      { environment: { COCOON_NET_DURABILITY: "fast" } },
      'variable COCOON_NET_DURABILITY: "fast" is not one of sync, relaxed',
    ],
    [
      "file and key",
      { file: "bridge: a-very-long-bridge-name" },
      "key bridge in /etc/cocoon-net/config.yaml",
    ],
    ["number", { flags: { poolSize: "many" } }, 'flag --pool-size: "many"'],
    [
      "switch",
      { environment: { COCOON_NET_GUEST_ISOLATION: "perhaps" } },
      'variable COCOON_NET_GUEST_ISOLATION: "perhaps" is not a switch',
    ],
    [
      "list item",
      { flags: { dns: ["8.8.8.8", "one.one"] } },
      'flag --dns: "one.one" is not an IP address',
    ],
    [
      "relative path",
      { flags: { stateDir: "state" } },
      'flag --state-dir: "state" is not an absolute path',
    ],
    ["unknown key", { file: "brigde: cni0" }, "unknown key brigde"],
    ["not a map", { file: "- bridge" }, "holds a list"],
    ["not YAML", { file: "a: [" }, "is not YAML"],
    ["an alias bomb", { file: "a: &a [x]\nb: *a" }, "is not YAML"],
  ] as const)("%s", (_what, input, message) => {
    const error = fault(input);
    expect(error.code).toBe("invalid-config");
    expect(error.message).toContain(message);
    expect(error.hint).not.toBe("");
  });

  test("a slip of the finger is suggested", () => {
    expect(fault({ file: "brigde: cni0" }).hint).toBe("did you mean bridge?");
    expect(fault({ file: "dhcp:\n  leaseSecond: 5" }).hint).toBe("did you mean dhcp.leaseSeconds?");
  });

  test("a named file must exist, the default one need not", () => {
    expect(fault({ flags: { config: "/nowhere.yaml" } }).message).toBe(
      "config file /nowhere.yaml does not exist",
    );
    expect(load({}).bridge).toBe("cni0");
  });

  test("a huge file is refused", () => {
    const path = join(mkdtempSync(join(tmpdir(), "cocoon-net-config-")), "config.yaml");
    writeFileSync(path, "bridge: cni0\n".padEnd(CONFIG_FILE_LIMIT_BYTES + 1, "#"));
    expect(() => loadConfig({ environment: {}, flags: { config: path } })).toThrow(
      `more than ${CONFIG_FILE_LIMIT_BYTES}`,
    );
    writeFileSync(path, "bridge: br7\n");
    expect(loadConfig({ environment: {}, flags: { config: path } }).bridge).toBe("br7");
    rmSync(dirname(path), { recursive: true });
  });

  test("whatever the file holds, the answer is settings or a BrokerError", () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (file) => {
        try {
          load({ file });
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(BrokerError);
        }
      }),
    );
  });
});

test("systemd's variables", () => {
  expect(notifyEnvironment({})).toBeUndefined();
  expect(notifyEnvironment({ NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "30000000" })).toEqual({
    socket: "/run/n",
    watchdogMicroseconds: 30_000_000,
  });
  expect(notifyEnvironment({ NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "soon" })).toEqual({
    socket: "/run/n",
  });
});

test("names are unique, and the reference is current", () => {
  const all = Object.values<Setting>(settings);
  expect(new Set(all.map(variableOf)).size).toBe(all.length);
  expect(new Set(all.map(({ key }) => key)).size).toBe(all.length);
  expect(readFileSync(new URL("../../docs/config.md", import.meta.url), "utf8")).toBe(
    configReference(),
  );
});
