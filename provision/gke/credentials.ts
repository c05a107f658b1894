// Who calls: a credentials file where one is named or kept by gcloud, else the machine's own service account.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type AuthClient, GoogleAuth, OAuth2Client } from "google-auth-library";
import { BrokerError } from "#core/errors.ts";
import type { Metadata } from "./metadata.ts";

const SCOPE_COMPUTE = "https://www.googleapis.com/auth/compute";
const SCOPE_CLOUD_PLATFORM = "https://www.googleapis.com/auth/cloud-platform";
/** One of these is enough to change something. */
export const changingScopes = [SCOPE_COMPUTE, SCOPE_CLOUD_PLATFORM];
const WELL_KNOWN = "application_default_credentials.json";

export interface Credentials {
  readonly client: AuthClient;
  /** `metadata`: the scopes that the machine was given bound what it may do. */
  readonly kind: "file" | "metadata";
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** In the order of Google's own libraries. A file is found and read by the library, in the same variables of the process. */
export async function findCredentials(
  environment: Environment,
  metadata: Metadata,
  signal: AbortSignal,
): Promise<Credentials> {
  const file = credentialsFile(environment);
  if (file === undefined) return { kind: "metadata", client: ofMachine(metadata, signal) };
  try {
    return { kind: "file", client: await new GoogleAuth({ scopes: changingScopes }).getClient() };
  } catch (thrown) {
    // What a parser says of a file may quote a key.
    const reason = thrown instanceof SyntaxError ? "it is not JSON" : reasonOf(thrown);
    throw new BrokerError("cloud-denied", `cannot use the credentials in ${file}: ${reason}`, {
      hint: "correct or remove the file; without one the node's service account is used",
    });
  }
}

function credentialsFile(environment: Environment): string | undefined {
  const named = environment["GOOGLE_APPLICATION_CREDENTIALS"];
  if (named !== undefined && named !== "") return named;
  const home = environment["HOME"];
  const folder =
    environment["CLOUDSDK_CONFIG"] ??
    (home === undefined ? undefined : join(home, ".config/gcloud"));
  if (folder === undefined) return undefined;
  const known = join(folder, WELL_KNOWN);
  return existsSync(known) ? known : undefined;
}

/** The library keeps the token until shortly before it ends; a token is asked for with our deadlines, not with its own. */
function ofMachine(metadata: Metadata, signal: AbortSignal): OAuth2Client {
  const client = new OAuth2Client();
  let asked: Promise<{ access_token: string; expiry_date: number }> | undefined;
  const ask = async () => {
    const { value, expires } = await metadata.token(signal);
    return { access_token: value, expiry_date: expires };
  };
  // Calls that go out together share one token.
  client.refreshHandler = () =>
    (asked ??= ask().finally(() => {
      asked = undefined;
    }));
  return client;
}

const reasonOf = (thrown: unknown): string =>
  thrown instanceof Error ? thrown.message : String(thrown);
