// Temporary credentials of the role that the instance has, from the metadata server.

import * as z from "zod/mini";
import { BrokerError } from "#core/errors.ts";
import type { Credentials } from "./credentials.ts";
import type { Metadata } from "./metadata.ts";

const FOLDER = "/volcstack/latest/iam/security_credentials";
const roleNames = z.array(z.string());
const answer = z.object({
  AccessKeyId: z.string().check(z.minLength(1)),
  SecretAccessKey: z.string().check(z.minLength(1)),
  SessionToken: z.string().check(z.minLength(1)),
  ExpiredTime: z.string(),
});

/** `undefined` when the instance has no role; an empty name takes the one there is. */
export async function readRole(
  metadata: Metadata,
  wanted: string,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const name = wanted === "" ? await firstRole(metadata, signal) : wanted;
  if (name === undefined) return undefined;
  const text = await metadata.read(`${FOLDER}/${encodeURIComponent(name)}`, signal);
  const parsed = answer.safeParse(jsonOf(text ?? ""));
  const expires = parsed.success ? Date.parse(parsed.data.ExpiredTime) : Number.NaN;
  if (!parsed.success || Number.isNaN(expires))
    throw new BrokerError(
      "cloud-denied",
      `the metadata server has no credentials for role ${name}`,
      {
        hint: "check the instance's role in the console, and VOLCENGINE_ECS_METADATA",
      },
    );
  const { AccessKeyId, SecretAccessKey, SessionToken } = parsed.data;
  return {
    accessKeyId: AccessKeyId,
    secretKey: SecretAccessKey,
    sessionToken: SessionToken,
    expires,
    source: `the instance's role ${name}`,
  };
}

/** A JSON list, or one name per line. */
async function firstRole(metadata: Metadata, signal: AbortSignal): Promise<string | undefined> {
  const text = await metadata.read(`${FOLDER}?type=user&format=json`, signal);
  if (text === undefined) return undefined;
  const list = roleNames.safeParse(jsonOf(text));
  const names = list.success ? list.data : text.split("\n").map((line) => line.trim());
  return names.find((name) => /^[\w.@-]{1,128}$/.test(name));
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
