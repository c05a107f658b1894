// A request's query and body, checked as strictly as the API does: what it does not know is refused.

import type { Exchange } from "#test/clouds/shared/http-server.ts";
import { conditionNotMet, invalid, parseError, required, unknownName } from "./errors.ts";

export type Fields = Readonly<Record<string, unknown>>;

/** Query parameters that every method takes. */
const STANDARD = ["alt", "prettyPrint", "quotaUser", "key", "$alt", "$.xgafv"];

export function checkQuery({ url }: Exchange, known: readonly string[]): void {
  for (const name of url.searchParams.keys())
    if (!known.includes(name) && !STANDARD.includes(name))
      throw unknownName(
        name,
        `: Cannot bind query parameter. Field '${name}' could not be found in request message.`,
      );
}

/** A non-zero UUID, or nothing. */
export function requestIdOf({ url }: Exchange): string | undefined {
  const id = url.searchParams.get("requestId") ?? undefined;
  if (id === undefined) return undefined;
  const isUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
  if (!isUuid || /^[0-]+$/.test(id))
    throw invalid("requestId", id, "The request ID must be a valid, non-zero UUID.");
  return id.toLowerCase();
}

/** A JSON object with no other fields than these. */
export function bodyOf({ body }: Exchange, known: readonly string[]): Fields {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw parseError();
  }
  return fieldsOf(parsed, known, ": Cannot find field.");
}

export function fieldsOf(value: unknown, known: readonly string[], where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw parseError();
  for (const name of Object.keys(value)) if (!known.includes(name)) throw unknownName(name, where);
  return value as Fields;
}

export function text(fields: Fields, name: string, path: string): string | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (typeof value !== "string") throw invalid(path, JSON.stringify(value), "Must be a string.");
  return value;
}

/** Throws unless the fingerprint is there, well formed, and (when `current` is given) the current one. */
export function checkFingerprint(fields: Fields, current: string | undefined): void {
  const sent = text(fields, "fingerprint", "resource.fingerprint");
  if (sent === undefined || sent === "") throw required("resource.fingerprint");
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(sent))
    throw invalid("resource.fingerprint", sent, "Base64 decoding failed.");
  if (current !== undefined && sent !== current) throw conditionNotMet();
}
