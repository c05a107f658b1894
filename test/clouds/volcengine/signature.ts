// Checks a request's HMAC-SHA256 signature as the gateway does, independent of any client's code.

import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { Exchange } from "#test/clouds/shared/http-server.ts";
import { VolcengineError } from "./errors.ts";
import type { Credential } from "./scenario.ts";

/** How far a request's date may lie from the gateway's, in milliseconds. */
export const MAX_SKEW_MS = 15 * 60 * 1000;

/** Who calls, and for which service where. */
export interface Caller {
  readonly credential: Credential;
  readonly region: string;
  readonly service: string;
}

interface Authorization {
  readonly accessKeyId: string;
  readonly date: string;
  readonly region: string;
  readonly service: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac("sha256", key).update(text).digest();

/** @param now milliseconds since 1970, the gateway's own clock. */
export function authenticate(
  exchange: Exchange,
  credentials: readonly Credential[],
  now: number,
): Caller {
  const authorization = parse(exchange.headers["authorization"]);
  const stamp = exchange.headers["x-date"] ?? "";
  const time = parseStamp(stamp);
  if (time === undefined || Math.abs(time - now) > MAX_SKEW_MS)
    throw new VolcengineError(
      "InvalidTimestamp",
      `The Signature of the request is expired or not yet valid: X-Date ${stamp}.`,
    );
  if (stamp.slice(0, 8) !== authorization.date)
    throw new VolcengineError(
      "InvalidCredential",
      `The date ${authorization.date} in Credential is not that of X-Date ${stamp}.`,
    );
  const credential = credentials.find(
    ({ accessKeyId }) => accessKeyId === authorization.accessKeyId,
  );
  if (credential === undefined)
    throw new VolcengineError(
      "InvalidAccessKey",
      `The AccessKey ${authorization.accessKeyId} is invalid.`,
    );
  checkToken(exchange, credential, now);
  if (!isSigned(exchange, authorization, credential.secretKey, stamp))
    throw new VolcengineError(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. Check your Secret Access Key and signing method.",
    );
  return { credential, region: authorization.region, service: authorization.service };
}

function parse(header: string | undefined): Authorization {
  const match =
    /^HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      header ?? "",
    );
  if (match === null)
    throw new VolcengineError(
      "InvalidAuthorization",
      "The Authorization header is missing or malformed.",
    );
  const [, accessKeyId = "", date = "", region = "", service = "", names = "", signature = ""] =
    match;
  return { accessKeyId, date, region, service, signedHeaders: names.split(";"), signature };
}

/** `20261121T031107Z` as milliseconds since 1970. */
function parseStamp(stamp: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(stamp);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number);
  return Date.UTC(year ?? 0, (month ?? 0) - 1, day, hour, minute, second);
}

function checkToken(exchange: Exchange, credential: Credential, now: number): void {
  const token = exchange.headers["x-security-token"];
  if (token !== credential.sessionToken)
    throw new VolcengineError(
      "InvalidSecretToken",
      "The security token included in the request is invalid.",
    );
  if (credential.expiresAt !== undefined && now >= Date.parse(credential.expiresAt))
    throw new VolcengineError(
      "InvalidSecretToken",
      "The security token included in the request is expired.",
    );
}

/** Canonical request and string to sign as the vendor's signature guide describes them. */
function isSigned(
  exchange: Exchange,
  authorization: Authorization,
  secretKey: string,
  stamp: string,
): boolean {
  const { signedHeaders, date, region, service } = authorization;
  const bodyHash = sha256(exchange.body);
  const sentHash = exchange.headers["x-content-sha256"];
  if (sentHash !== undefined && sentHash !== bodyHash) return false;
  const needed = ["x-date", "x-security-token"].filter(
    (name) => exchange.headers[name] !== undefined,
  );
  if (!needed.every((name) => signedHeaders.includes(name))) return false;
  // By name and not by the joined text: `Key.1` comes before `Key.10`.
  const query = [...exchange.url.searchParams]
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    .map((pair) => pair.join("="))
    .join("&");
  const headers = signedHeaders.map((name) => `${name}:${(exchange.headers[name] ?? "").trim()}\n`);
  const canonical = [
    exchange.method,
    exchange.url.pathname,
    query,
    headers.join(""),
    signedHeaders.join(";"),
    bodyHash,
  ].join("\n");
  const scope = `${date}/${region}/${service}/request`;
  const key = [region, service, "request"].reduce<Buffer>(hmac, hmac(secretKey, date));
  const expected = hmac(key, `HMAC-SHA256\n${stamp}\n${scope}\n${sha256(canonical)}`);
  return timingSafeEqual(expected, Buffer.from(authorization.signature, "hex"));
}

/** RFC 3986: all but unreserved characters are escaped. */
const encode = (text: string): string =>
  encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
