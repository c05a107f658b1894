// The errors that the fake of Volcengine answers with: code, HTTP status, number, and the envelope around them.

import type { Answer } from "#test/clouds/shared/http-server.ts";

/**
 * HTTP status by code. Gateway codes carry their published CodeN, product codes none that is published.
 * Spelling is not published for those marked so; a caller must not depend on it.
 */
const known = {
  // Gateway.
  MissingParameter: { status: 400, codeN: 100002 },
  InvalidTimestamp: { status: 400, codeN: 100006 },
  ServiceNotFound: { status: 404, codeN: 100007 },
  InvalidActionOrVersion: { status: 404, codeN: 100008 },
  InvalidAccessKey: { status: 401, codeN: 100009 },
  SignatureDoesNotMatch: { status: 401, codeN: 100010 },
  LackPolicy: { status: 403, codeN: 100012 },
  AccessDenied: { status: 403, codeN: 100013 },
  InternalError: { status: 500, codeN: 100014 },
  FlowLimitExceeded: { status: 429, codeN: 100018 },
  MethodNotAllowed: { status: 405, codeN: 100020 },
  InvalidAuthorization: { status: 400, codeN: 100024 },
  InvalidCredential: { status: 400, codeN: 100025 },
  InvalidSecretToken: { status: 401, codeN: 100026 },
  AccountFlowLimitExceeded: { status: 429, codeN: 100027 },
  // Product.
  InvalidParameter: { status: 400, codeN: 0 },
  IdempotentParameterMismatch: { status: 400, codeN: 0 },
  Forbidden: { status: 403, codeN: 0 },
  "InvalidVpc.NotFound": { status: 404, codeN: 0 },
  "InvalidVpc.InvalidStatus": { status: 400, codeN: 0 },
  "InvalidZone.NotFound": { status: 404, codeN: 0 },
  "InvalidSubnet.NotFound": { status: 404, codeN: 0 },
  "InvalidSubnet.InvalidStatus": { status: 400, codeN: 0 },
  "InvalidSubnet.InUse": { status: 400, codeN: 0 },
  "InvalidCidrBlock.Malformed": { status: 400, codeN: 0 },
  "InvalidCidrBlock.Conflict": { status: 400, codeN: 0 },
  "InvalidEniId.NotFound": { status: 404, codeN: 0 },
  "InvalidEni.InvalidStatus": { status: 400, codeN: 0 },
  "InvalidEni.InstanceMismatch": { status: 400, codeN: 0 },
  "InvalidEni.ZoneMismatch": { status: 400, codeN: 0 },
  "InvalidEni.VpcMismatch": { status: 400, codeN: 0 },
  "InvalidInstance.NotFound": { status: 404, codeN: 0 },
  "InvalidInstance.InvalidStatus": { status: 400, codeN: 0 },
  "InvalidPrivateIp.Malformed": { status: 400, codeN: 0 },
  // Spelling not published.
  "InvalidPrivateIp.InUse": { status: 400, codeN: 0 },
  InsufficientIpInSubnet: { status: 400, codeN: 0 },
  "InvalidSecurityGroup.NotFound": { status: 404, codeN: 0 },
  // Spelling not published.
  "InvalidSecurityGroupRule.Duplicate": { status: 400, codeN: 0 },
  "LimitExceeded.EnisPerInstance": { status: 400, codeN: 0 },
  "LimitExceeded.PrivateIpsPerEni": { status: 400, codeN: 0 },
  "QuotaExceeded.Eni": { status: 400, codeN: 0 },
  "QuotaExceeded.EniSecurityGroup": { status: 400, codeN: 0 },
  "QuotaExceeded.SecurityGroupIp": { status: 400, codeN: 0 },
  "QuotaExceeded.Subnet": { status: 400, codeN: 0 },
} as const;
export type VolcengineErrorCode = keyof typeof known;

/** Thrown by what serves a call; becomes the documented answer. */
export class VolcengineError extends Error {
  readonly code: VolcengineErrorCode;
  /** Set when the caller did what no documentation allows. */
  readonly unexpected: boolean;

  constructor(code: VolcengineErrorCode, message: string, unexpected = false) {
    super(message);
    this.name = "VolcengineError";
    this.code = code;
    this.unexpected = unexpected;
  }
}

/** What every answer repeats of its request. */
export interface Metadata {
  readonly RequestId: string;
  readonly Action: string;
  readonly Version: string;
  readonly Service: string;
  readonly Region: string;
}

const JSON_TYPE = { "content-type": "application/json; charset=utf-8" };

/** With `asOk` the error comes with status 200, as some gateways of the cloud answer. */
export function errorAnswer(
  metadata: Metadata,
  code: VolcengineErrorCode,
  message: string,
  asOk = false,
): Answer {
  const { status, codeN } = known[code];
  const error = { ...(codeN === 0 ? {} : { CodeN: codeN }), Code: code, Message: message };
  return {
    status: asOk ? 200 : status,
    headers: JSON_TYPE,
    body: JSON.stringify({ ResponseMetadata: { ...metadata, Error: error } }),
  };
}

export const resultAnswer = (metadata: Metadata, result: object): Answer => ({
  status: 200,
  headers: JSON_TYPE,
  body: JSON.stringify({
    ResponseMetadata: metadata,
    Result: { RequestId: metadata.RequestId, ...result },
  }),
});
