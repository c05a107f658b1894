// Settings from flags, environment, file and defaults, merged once; the only reader of the process's environment.

import { hostname } from "node:os";
import { delimiter, join } from "node:path";
import { env } from "node:process";
import * as z from "zod/mini";
import { BrokerError } from "#core/errors.ts";
import { readConfigFile, readSmallFile } from "./config-file.ts";
import { type Setting, variableOf } from "./setting.ts";
import { type SettingName, type SettingValues, settings } from "./settings.ts";

export const DEFAULT_CONFIG_FILE = "/etc/cocoon-net/config.yaml";

export type Source = "flag" | "variable" | "file" | "default";

export interface Config extends SettingValues {
  /** `--node-name` or the host name. */
  readonly nodeName: string;
  /** `--lease-file` or `leases.json` in the state folder. */
  readonly leaseFile: string;
  readonly poolFile: string;
  readonly ledgerPath: string;
  readonly spoolPath: string;
  /** Held while init, adopt or teardown changes the node. */
  readonly provisioningLockPath: string;
  /** Held by the broker of this state folder while it runs. */
  readonly brokerLockPath: string;
  /** What node set-up remembers so that teardown is exact. */
  readonly nodeMemoryPath: string;
  /** The file that was looked at; it need not exist unless `--config` named it. */
  readonly configFile: string;
  /** Where each setting's value came from. */
  readonly sources: Readonly<Record<SettingName, Source>>;
}

/** Flag values as the command line gives them: text, repeated text, or true for a switch; absent when not given. */
export type Flags = Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

export interface ConfigInput {
  /** By setting name, plus `config` for the file's path. */
  readonly flags?: Flags;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Text of the config file, or undefined when there is none. */
  readonly readFile?: (path: string) => string | undefined;
  readonly hostName?: string;
}

/** Merges the four sources. Throws a BrokerError `invalid-config` that names the source and what was wrong with it. */
export function loadConfig(input: ConfigInput = {}): Config {
  const flags = input.flags ?? {};
  const environment = input.environment ?? env;
  const named = textOf(flags["config"]) ?? environment["COCOON_NET_CONFIG"];
  const configFile = named ?? DEFAULT_CONFIG_FILE;
  const file = readConfigFile(configFile, named !== undefined, input.readFile ?? readSmallFile);
  const values: Record<string, unknown> = {};
  const sources: Record<string, Source> = {};
  for (const [name, setting] of Object.entries<Setting>(settings)) {
    const given = firstGiven(name, setting, flags, environment, file, configFile);
    values[name] = check(setting, given);
    sources[name] = given.source;
  }
  // Every entry went through its own schema just above.
  const checked = values as unknown as SettingValues;
  const inState = (leaf: string) => join(checked.stateDir, leaf);
  return {
    ...checked,
    nodeName: checked.nodeName ?? input.hostName ?? hostname(),
    leaseFile: checked.leaseFile ?? inState("leases.json"),
    poolFile: inState("pool.json"),
    ledgerPath: inState("ledger"),
    spoolPath: inState("spool"),
    provisioningLockPath: inState("provisioning.lock"),
    brokerLockPath: inState("broker.lock"),
    nodeMemoryPath: inState("node.json"),
    configFile,
    sources: sources as Record<SettingName, Source>,
  };
}

/** What systemd tells a service of type notify; undefined outside systemd. */
export function notifyEnvironment(
  environment: Readonly<Record<string, string | undefined>> = env,
): { socket: string; watchdogMicroseconds?: number } | undefined {
  const socket = environment["NOTIFY_SOCKET"];
  if (socket === undefined || socket === "") return undefined;
  const microseconds = Number(environment["WATCHDOG_USEC"] ?? "0");
  return microseconds > 0 && Number.isSafeInteger(microseconds)
    ? { socket, watchdogMicroseconds: microseconds }
    : { socket };
}

/** Variables that name a cloud's credentials, endpoints and proxies (docs/gke.md, docs/volcengine.md); no others are read. */
const cloudVariable =
  /^(HOME|VOLC_|VOLCENGINE_|VOLCSTACK_|GOOGLE_|GCE_|GCLOUD_|CLOUDSDK_|METADATA_|DETECT_GCP_|COCOON_NET_VOLCENGINE_METADATA$)/;

/** What the cloud side of provisioning may know of the environment. */
export const cloudEnvironment = (
  environment: Readonly<Record<string, string | undefined>> = env,
): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => cloudVariable.test(name)));

/** Folders in which commands are looked for. */
export const searchPath = (): readonly string[] =>
  (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "");

/** Whether colours are unwanted (https://no-color.org). */
export const colourUnwanted = (): boolean =>
  (env["NO_COLOR"] ?? "") !== "" || env["TERM"] === "dumb";

interface Given {
  readonly source: Source;
  /** The source in words, for messages. */
  readonly place: string;
  readonly value: unknown;
}

function firstGiven(
  name: string,
  setting: Setting,
  flags: Flags,
  environment: Readonly<Record<string, string | undefined>>,
  file: ReadonlyMap<string, unknown>,
  configFile: string,
): Given {
  const flag = flags[name];
  if (flag !== undefined)
    return { source: "flag", place: `flag --${setting.flag ?? name}`, value: flag };
  const variable = variableOf(setting);
  const text = environment[variable];
  // An empty variable is unset, except where empty means something.
  if (text !== undefined && (text !== "" || setting.key === "metrics-addr"))
    return { source: "variable", place: `variable ${variable}`, value: text };
  if (file.has(setting.key))
    return {
      source: "file",
      place: `key ${setting.key} in ${configFile}`,
      value: file.get(setting.key),
    };
  return { source: "default", place: "default", value: undefined };
}

function check(setting: Setting, given: Given): unknown {
  const parsed = z.safeParse(
    setting.schema,
    given.value === undefined ? undefined : plain(setting, given.value),
  );
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const item =
    typeof issue?.path[0] === "number" && Array.isArray(given.value)
      ? given.value[issue.path[0]]
      : given.value;
  const wrong =
    issue === undefined || issue.message === "Invalid input"
      ? `is not a ${setting.kind}`
      : issue.message;
  throw new BrokerError("invalid-config", `${given.place}: ${JSON.stringify(item)} ${wrong}`, {
    details: setting.meaning,
    hint: `correct it or leave it out (default: ${defaultInWords(setting)})`,
  });
}

/** The default as documentation and messages word it. */
export function defaultInWords(setting: Setting): string {
  if (setting.fallback !== undefined) return setting.fallback;
  const value: unknown = z.parse(setting.schema, undefined);
  if (Array.isArray(value)) return value.length === 0 ? "none" : value.join(",");
  return String(value);
}

/** Text from flags and variables as the kind wants it; what cannot be read stays as it is, for the schema to refuse. */
function plain(setting: Setting, value: unknown): unknown {
  switch (setting.kind) {
    case "switch":
      return typeof value === "string" ? (switches.get(value.toLowerCase()) ?? value) : value;
    case "number":
      return typeof value === "string" && /^[0-9]{1,15}$/.test(value) ? Number(value) : value;
    case "list":
      return (Array.isArray(value) ? value : [value]).flatMap((item: unknown) =>
        typeof item === "string"
          ? item
              .split(",")
              .map((part) => part.trim())
              .filter((part) => part !== "")
          : [item],
      );
    case "text":
      return value;
    default:
      return setting.kind satisfies never;
  }
}

const switches = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

const textOf = (flag: Flags[string]): string | undefined =>
  typeof flag === "string" && flag !== "" ? flag : undefined;
