// Who calls the cloud: the first credentials found in environment, files and the instance's role, in every known spelling.

import { BrokerError } from "#core/errors.ts";
import type { Timing } from "#provision/retry.ts";
import { type FileCredentials, readCredentialFiles } from "./credential-files.ts";
import type { Metadata } from "./metadata.ts";
import { readRole } from "./role-credentials.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretKey: string;
  readonly sessionToken?: string;
  /** Milliseconds since 1970; temporary ones only. */
  readonly expires?: number;
  /** Where they were found, for messages; never the credentials themselves. */
  readonly source: string;
}

export interface CredentialSource {
  /** Fetches temporary ones anew before they expire. Throws `cloud-denied` when there are none. */
  current(signal: AbortSignal): Promise<Credentials>;
  /** Forgets what was fetched, after the cloud has refused it; false when nothing else can be had. */
  renew(): boolean;
}

/** Temporary credentials are fetched anew this long before they expire. */
const FRESH_MS = 5 * 60_000;

/** Spellings of the vendor's tools, of the Go version, and of the older SDK: key, secret, session token. */
const spellings = [
  ["VOLCENGINE_ACCESS_KEY_ID", "VOLCENGINE_SECRET_ACCESS_KEY", "VOLCENGINE_SESSION_TOKEN"],
  ["VOLCENGINE_ACCESS_KEY", "VOLCENGINE_SECRET_KEY", "VOLCENGINE_SESSION_TOKEN"],
  ["VOLCSTACK_ACCESS_KEY_ID", "VOLCSTACK_SECRET_ACCESS_KEY", "VOLCSTACK_SESSION_TOKEN"],
  ["VOLCSTACK_ACCESS_KEY", "VOLCSTACK_SECRET_KEY", "VOLCSTACK_SESSION_TOKEN"],
  ["VOLC_ACCESSKEY", "VOLC_SECRETKEY", "VOLC_SESSION_TOKEN"],
] as const;

export interface CredentialOptions {
  readonly environment: Environment;
  /** The folder that holds `.volcengine` and `.volc`. */
  readonly home: string;
  readonly metadata: Metadata;
  readonly timing: Timing;
}

export function openCredentials(options: CredentialOptions): CredentialSource {
  let found: Credentials | undefined;
  return {
    async current(signal) {
      const expired = (found?.expires ?? Infinity) - FRESH_MS <= options.timing.now();
      if (found === undefined || expired) found = await findCredentials(options, signal);
      return found;
    },
    renew() {
      const temporary = found?.expires !== undefined;
      found = undefined;
      return temporary;
    },
  };
}

async function findCredentials(
  options: CredentialOptions,
  signal: AbortSignal,
): Promise<Credentials> {
  const { environment, metadata } = options;
  const named = fromEnvironment(environment);
  if (named !== undefined) return named;
  const file = await readCredentialFiles(options);
  if (file !== undefined && "accessKeyId" in file) return notExpired(file, options.timing.now());
  const disabled = environment["VOLCENGINE_ECS_METADATA_DISABLED"] === "true";
  if (!disabled) {
    const role = await readRole(metadata, roleName(environment, file), signal);
    if (role !== undefined) return notExpired(role, options.timing.now());
  }
  throw new BrokerError("cloud-denied", "no credentials for Volcengine were found", {
    details:
      `looked in the environment, ~/.volcengine/config.json, ~/.volcengine/credentials, ~/.volc/config` +
      (disabled
        ? "; VOLCENGINE_ECS_METADATA_DISABLED forbids the instance's role"
        : " and the instance's role"),
    hint: "set VOLCENGINE_ACCESS_KEY_ID and VOLCENGINE_SECRET_ACCESS_KEY, write ~/.volcengine/config.json, or give the instance a role",
  });
}

function fromEnvironment(environment: Environment): Credentials | undefined {
  for (const [keyName, secretName, tokenName] of spellings) {
    const [accessKeyId, secretKey] = [environment[keyName] ?? "", environment[secretName] ?? ""];
    if (accessKeyId === "" && secretKey === "") continue;
    if (accessKeyId === "" || secretKey === "")
      throw new BrokerError(
        "invalid-config",
        `${accessKeyId === "" ? secretName : keyName} is set and ${accessKeyId === "" ? keyName : secretName} is not`,
        { hint: "set both, or neither" },
      );
    const sessionToken = environment[tokenName] ?? "";
    return {
      accessKeyId,
      secretKey,
      ...(sessionToken === "" ? {} : { sessionToken }),
      source: `the environment (${keyName})`,
    };
  }
  return undefined;
}

/** Empty: the role that the instance has. */
const roleName = (environment: Environment, file: FileCredentials | undefined): string =>
  environment["VOLCENGINE_ECS_METADATA"] ?? (file !== undefined && "role" in file ? file.role : "");

function notExpired(credentials: Credentials, now: number): Credentials {
  if ((credentials.expires ?? Infinity) > now) return credentials;
  throw new BrokerError("cloud-denied", `the credentials from ${credentials.source} have expired`, {
    details: `at ${new Date(credentials.expires ?? 0).toISOString()}`,
    hint: "log in again, or check this machine's clock",
  });
}
