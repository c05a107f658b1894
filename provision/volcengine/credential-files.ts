// Credentials kept in files: those of the vendor's command line, its SDKs, and the flat form of the Go version.

import { open } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod/mini";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { Credentials, Environment } from "./credentials.ts";

/** Keys, or the wish for the instance's role (its name may be empty: the one there is). */
export type FileCredentials = Credentials | { readonly role: string };

const MAX_BYTES = 64 * 1_024;
/** Milliseconds that are written as seconds stay below this until the year 5138. */
const SECONDS_BELOW = 100_000_000_000;

const text = z._default(z.string(), "");
const profile = z.object({
  mode: text,
  "access-key": text,
  "secret-key": text,
  "session-token": text,
  "sts-expiration": z._default(z.number(), 0),
  "role-name": text,
});
const commandLine = z.object({
  current: text,
  profiles: z.record(z.string(), z.unknown()),
});
const flat = z.object({
  access_key_id: text,
  secret_access_key: text,
  session_token: text,
});
const olderSdk = z.object({ VOLC_ACCESSKEY: text, VOLC_SECRETKEY: text });

export interface CredentialPlaces {
  readonly environment: Environment;
  readonly home: string;
}

/** The first file that has any; throws what is wrong with the first one that exists and cannot be used. */
export async function readCredentialFiles(
  places: CredentialPlaces,
): Promise<FileCredentials | undefined> {
  const { environment, home } = places;
  const config =
    environment["VOLCENGINE_CLI_CONFIG_FILE"] ?? join(home, ".volcengine", "config.json");
  const readers: readonly (readonly [
    string,
    (text: string, path: string) => FileCredentials | undefined,
  ])[] = [
    [config, (content, path) => fromConfig(content, path, environment["VOLCENGINE_PROFILE"] ?? "")],
    [join(home, ".volcengine", "credentials"), fromIni],
    [join(home, ".volc", "config"), fromOlderSdk],
  ];
  for (const [path, read] of readers) {
    const content = await contentOf(path);
    const found = content === undefined ? undefined : read(content, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `{current, profiles}` of the command line `ve`, or the flat form. */
function fromConfig(content: string, path: string, wanted: string): FileCredentials | undefined {
  const json = jsonOf(content, path);
  const known = commandLine.safeParse(json);
  if (!known.success) {
    const { access_key_id, secret_access_key, session_token } = parsed(flat, json, path);
    return keysOf(access_key_id, secret_access_key, session_token, 0, path);
  }
  const name = wanted === "" ? known.data.current : wanted;
  if (name === "") return undefined;
  const raw = known.data.profiles[name];
  if (raw === undefined)
    throw invalid(path, `it has no profile ${name}`, "name another with VOLCENGINE_PROFILE");
  const found = parsed(profile, raw, path);
  const mode = found.mode.toLowerCase();
  if (mode === "ecsrole") return { role: found["role-name"] };
  if (mode !== "" && mode !== "ak" && mode !== "sts")
    throw invalid(
      path,
      `profile ${name} has mode ${found.mode}, which is not supported here`,
      "use a profile of mode ak or ecsrole (sso, oidc, console-login and ramrolearn need a person or another service)",
    );
  const expiration = found["sts-expiration"];
  return keysOf(
    found["access-key"],
    found["secret-key"],
    found["session-token"],
    expiration < SECONDS_BELOW ? expiration * 1_000 : expiration,
    `${path}, profile ${name}`,
  );
}

/** INI with `volcengine_access_key_id` and so on; the section `[default]`, or none. */
function fromIni(content: string, path: string): FileCredentials | undefined {
  const values = new Map<string, string>();
  let section = "default";
  for (const line of content.split(/\r?\n/)) {
    section = /^\s*\[([^\]]*)\]/.exec(line)?.[1]?.trim() ?? section;
    const pair = /^\s*([a-z_]+)\s*=\s*(.*?)\s*$/i.exec(line);
    if (pair?.[1] !== undefined && section === "default")
      values.set(pair[1].toLowerCase(), pair[2] ?? "");
  }
  const value = (name: string) => values.get(`volcengine_${name}`) ?? "";
  return keysOf(
    value("access_key_id"),
    value("secret_access_key"),
    value("session_token"),
    0,
    path,
  );
}

function fromOlderSdk(content: string, path: string): FileCredentials | undefined {
  const { VOLC_ACCESSKEY, VOLC_SECRETKEY } = parsed(olderSdk, jsonOf(content, path), path);
  return keysOf(VOLC_ACCESSKEY, VOLC_SECRETKEY, "", 0, path);
}

function keysOf(
  accessKeyId: string,
  secretKey: string,
  sessionToken: string,
  expires: number,
  source: string,
): Credentials | undefined {
  if (accessKeyId === "" && secretKey === "") return undefined;
  if (accessKeyId === "" || secretKey === "")
    throw invalid(source, "it has only one of access key and secret key", "write both");
  return {
    accessKeyId,
    secretKey,
    ...(sessionToken === "" ? {} : { sessionToken }),
    ...(expires === 0 ? {} : { expires }),
    source,
  };
}

async function contentOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw new RangeError(`it has ${size} bytes, more than ${MAX_BYTES}`);
    return await file.readFile("utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw invalid(path, toBrokerError(thrown).message, "make it readable for this user");
  }
}

function jsonOf(content: string, path: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    // The parser's message quotes the text, and the text holds the secret.
    throw invalid(path, "it is not JSON", "write it anew, for example with ve configure set");
  }
}

function parsed<Output>(schema: z.ZodMiniType<Output>, json: unknown, path: string): Output {
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const key = result.error.issues[0]?.path.join(".") ?? "";
  throw invalid(path, `${key === "" ? "its content" : key} has the wrong type`, "correct it");
}

const invalid = (path: string, reason: string, hint: string): BrokerError =>
  new BrokerError("invalid-config", `cannot use the credentials in ${path}: ${reason}`, { hint });
