// Cases 2A "observable" and 2C 1 to 9: what libcni and its skeleton ask of any plugin.

import { closeSync, openSync } from "node:fs";
import { expect } from "vitest";
import { cniError } from "./driver.ts";
import type { Case, CaseRun, Driver } from "./subject.ts";

const ipam = { subnet: "10.1.2.0/24" };
const knows = (driver: Driver, version: string): boolean => driver.versions.includes(version);

/** `ADD` and `CHECK` need all, `DEL` does without CNI_NETNS. */
export async function neededVariables(
  driver: Driver,
  optional: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const all = ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_PATH"];
  for (const [command, omitted] of Object.entries(optional)) {
    await driver.del("pod1", { ipam });
    if (command === "CHECK") await driver.add("pod1", { ipam });
    for (const name of all) {
      const output = await driver.run(command, driver.conf({ ipam }), { [name]: undefined });
      if (omitted.includes(name))
        expect(output, `${command} without ${name}`).toMatchObject({ exitCode: 0 });
      else
        expect(cniError(output), command).toMatchObject({
          code: 4,
          msg: `required env variables [${name}] missing`,
        });
    }
  }
}

const names: CaseRun = async (driver) => {
  const rows = [
    [{ CNI_CONTAINERID: "../dummy" }, "invalid characters in containerID"],
    [{ CNI_IFNAME: "sixteen-letters0" }, "interface name is too long"],
    [{ CNI_IFNAME: "." }, "interface name is . or .."],
    [{ CNI_IFNAME: ".." }, "interface name is . or .."],
    [{ CNI_IFNAME: "eth/0" }, "interface name contains / or : or whitespace characters"],
    [{ CNI_IFNAME: "eth:0" }, "interface name contains / or : or whitespace characters"],
    [{ CNI_IFNAME: "eth 0" }, "interface name contains / or : or whitespace characters"],
  ] as const;
  for (const [env, msg] of rows)
    expect(await driver.error("ADD", "pod", { ipam }, env)).toMatchObject({ code: 4, msg });
  expect(await driver.error("ADD", "pod", { ipam, name: "" })).toMatchObject({
    code: 7,
    msg: "missing network name",
  });
  expect(await driver.error("ADD", "pod", { ipam, name: "my net" })).toMatchObject({
    code: 7,
    msg: "invalid characters found in network name",
  });
};

/** `undecodable` are the codes that an ADD without JSON may be answered with. */
export async function versions(driver: Driver, undecodable: readonly number[]): Promise<void> {
  expect((await driver.add("old", { ipam, cniVersion: "" })).stdout).toContain('"ip4"');
  const list = driver.versions.map((version) => `"${version}"`).join(" ");
  expect(await driver.error("ADD", "pod", { ipam, cniVersion: "9.9.9" })).toMatchObject({
    code: 1,
    msg: "incompatible CNI versions",
    details: `config is "9.9.9", plugin supports [${list}]`,
  });
  expect(undecodable).toContain((await driver.error("ADD", "pod", "{")).code);
  const folder = openSync(driver.folder, "r");
  try {
    expect(cniError(await driver.run("ADD", folder))).toMatchObject({ code: 5 });
  } finally {
    closeSync(folder);
  }
}

const verbVersions: CaseRun = async (driver) => {
  const early = async (command: string, cniVersion: string) =>
    expect(await driver.error(command, "pod", { ipam, cniVersion })).toMatchObject({
      code: 1,
      msg: `config version does not allow ${command}`,
    });
  await early("CHECK", "0.3.1");
  if (!knows(driver, "1.1.0")) return;
  await early("GC", "1.0.0");
  await early("STATUS", "1.0.0");
};

/** `code` is that of an ADD into the plugin's own namespace; 0 for none. */
export async function ownNamespace(driver: Driver, code: number): Promise<void> {
  const own = { CNI_NETNS: "/proc/self/ns/net" };
  if (code === 0) await driver.add("pod", { ipam }, own);
  else expect(await driver.error("ADD", "pod", { ipam }, own)).toMatchObject({ code });
  await driver.add("other", { ipam }, { ...own, CNI_NETNS_OVERRIDE: "1" });
}

/** Kills before, while and after the plugin does its work: it takes a few milliseconds. */
const KILL_DELAYS_MS = [1, 2, 3, 4, 5, 6, 8, 10];
const KILL_ROUNDS = 5;

const killedAtDeadline: CaseRun = async (driver) => {
  const parts = { ipam: { subnet: "10.1.2.0/29" } };
  for (let round = 0; round < KILL_ROUNDS; round++) {
    for (const delay of KILL_DELAYS_MS) {
      await driver.killedAdd(`killed-${round}-${delay}`, parts, delay);
      await driver.del(`killed-${round}-${delay}`, parts);
    }
  }
  const given: string[] = [];
  for (let index = 0; index < 5; index++)
    given.push(...(await driver.addresses(`pod${index}`, parts)));
  expect(new Set(given).size).toBe(5);
};

const noCommand: CaseRun = async (driver) => {
  const about = await driver.run("", "", {
    CNI_COMMAND: undefined,
    CNI_CONTAINERID: undefined,
    CNI_NETNS: undefined,
    CNI_IFNAME: undefined,
    CNI_PATH: undefined,
  });
  expect(about).toMatchObject({
    exitCode: 0,
    stdout: "",
    stderr: expect.stringContaining(driver.versions.join(", ")),
  });
  expect(await driver.error("FLY", "pod", { ipam })).toMatchObject({
    code: 4,
    msg: "unknown CNI_COMMAND: FLY",
  });
};

const unknownKeys: CaseRun = async (driver) => {
  await driver.add("pod", { ipam: { ...ipam, colour: "blue", deep: [{ x: 1 }] }, unknown: true });
  const { msg } = await driver.error("ADD", "pod2", { ipam }, { CNI_ARGS: "COLOUR=blue" });
  expect(msg).toContain('unknown args ["COLOUR=blue"]');
  await driver.add("pod2", { ipam }, { CNI_ARGS: "COLOUR=blue;IgnoreUnknown=1" });
  await driver.add(
    "pod3",
    { ipam },
    {
      CNI_ARGS:
        "IgnoreUnknown=true;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=db-0;K8S_POD_INFRA_CONTAINER_ID=x",
    },
  );
};

const version: CaseRun = async (driver) => {
  const bare = {
    CNI_CONTAINERID: undefined,
    CNI_NETNS: undefined,
    CNI_IFNAME: undefined,
    CNI_PATH: undefined,
  };
  const output = await driver.run("VERSION", JSON.stringify({ cniVersion: driver.version }), bare);
  expect(output.exitCode).toBe(0);
  expect(JSON.parse(output.stdout)).toMatchObject({ supportedVersions: driver.versions });
};

const everyError: CaseRun = async (driver) => {
  const output = await driver.run("ADD", "no json");
  expect(JSON.parse(output.stdout)).toMatchObject({
    code: expect.any(Number),
    msg: expect.any(String),
  });
};

const outside = (
  id: string,
  title: string,
  run: CaseRun,
  why = "variables, stdin and errors show it",
): Case => ({ id, title, driven: "outside", why, run });

export const skeletonCases: readonly Case[] = [
  outside("2A seen 1", "unknown keys of ipam and of CNI_ARGS", unknownKeys),
  outside("2A seen 2", "VERSION works without other variables", version),
  outside("2C 1", "variables that each verb needs", (driver) =>
    neededVariables(driver, { ADD: [], CHECK: [], DEL: ["CNI_NETNS"] }),
  ),
  outside("2C 2", "several missing variables are one error", async (driver) => {
    const env = { CNI_NETNS: undefined, CNI_IFNAME: undefined, CNI_PATH: undefined };
    expect(await driver.error("ADD", "pod", { ipam }, env)).toMatchObject({
      code: 4,
      msg: "required env variables [CNI_NETNS,CNI_IFNAME,CNI_PATH] missing",
    });
  }),
  outside("2C 3", "names of containers, interfaces and networks", names),
  outside("2C 4", "versions, JSON and stdin that cannot be read", (driver) =>
    versions(driver, [6]),
  ),
  outside("2C 5", "verbs that the conf's version does not know", verbVersions),
  outside("2C 6", "the plugin's own namespace", (driver) => ownNamespace(driver, 8)),
  outside("2C 7", "no command, unknown command", noCommand),
  outside(
    "2C 8",
    "a failure's stdout is JSON",
    everyError,
    "the part that is libcni's (filling cniVersion, reading null) is not a plugin's",
  ),
  outside(
    "2C 9",
    "a plugin that is killed at the runtime's deadline leaks nothing once DEL was called",
    killedAtDeadline,
    "GCNetworkList and the caller's timeouts are libcni's; what the plugin's death leaves behind is ours",
  ),
];
