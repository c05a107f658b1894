// What an error of Volcengine's API means: by its code where there is one, by the HTTP status where there is none.

import { BrokerError, type ErrorCode } from "#core/errors.ts";

/**
 * - `throttled`: too many calls; nothing was applied.
 * - `uncertain`: no answer that can be understood; a change may have been applied or not.
 * - `busy`: the thing is in the middle of another change.
 * - `gone`: it does not exist (or not yet, just after it was made).
 * - `elsewhere`: the interface belongs to another instance.
 * - `in-use`: something is still in it.
 * - `limit`: a limit, a quota, or no free address.
 * - `denied`, `credentials`, `clock`: the caller may not, is not known, or its clock is wrong.
 * - `token-reused`: this client token was used for another request.
 * - `refused`: everything else that calling again will not change.
 */
export type FaultKind =
  | "throttled"
  | "uncertain"
  | "busy"
  | "gone"
  | "elsewhere"
  | "in-use"
  | "limit"
  | "denied"
  | "credentials"
  | "clock"
  | "token-reused"
  | "refused";

/** The first row that matches counts. */
const kinds: readonly (readonly [RegExp, FaultKind])[] = [
  [/^(FlowLimitExceeded|AccountFlowLimitExceeded|Throttling|RequestLimitExceeded)/, "throttled"],
  [/^Invalid\w*\.InvalidStatus$/, "busy"],
  [/^Invalid\w*\.NotFound$/, "gone"],
  [/\.InstanceMismatch$/, "elsewhere"],
  [/\.InUse$|^DependencyViolation/, "in-use"],
  [/^(LimitExceeded|QuotaExceeded)(\.|$)|^InsufficientIpInSubnet/, "limit"],
  [/^(Forbidden|AccessDenied|LackPolicy)/, "denied"],
  [/^InvalidTimestamp/, "clock"],
  [
    /^(SignatureDoesNotMatch|InvalidAccessKey|InvalidSecretToken|InvalidSecurityToken|InvalidCredential|InvalidAuthorization|ExpiredToken)/,
    "credentials",
  ],
  [/^IdempotentParameterMismatch/, "token-reused"],
  [/^(InternalError|ServiceUnavailable|InternalServiceError|InternalServiceTimeout)/, "uncertain"],
];

export function kindOf(status: number, code: string): FaultKind {
  const row = kinds.find(([pattern]) => pattern.test(code));
  if (row !== undefined) return row[1];
  if (status === 429) return "throttled";
  if (status >= 500 || code === "") return "uncertain";
  return "refused";
}

const codes: Readonly<Record<FaultKind, ErrorCode>> = {
  throttled: "cloud-unavailable",
  uncertain: "cloud-unavailable",
  busy: "cloud-unavailable",
  gone: "cloud-conflict",
  elsewhere: "cloud-conflict",
  "in-use": "cloud-conflict",
  limit: "cloud-limit",
  denied: "cloud-denied",
  credentials: "cloud-denied",
  clock: "cloud-denied",
  "token-reused": "cloud-conflict",
  refused: "cloud-conflict",
};

/** The next step for each kind; those of limits follow from the API's own code. */
const hints: Readonly<Record<FaultKind, (fault: FaultFacts) => string>> = {
  throttled: () =>
    "other callers use up the account's rate; run the command again when they are done",
  uncertain: ({ service }) =>
    `check that this node reaches ${service}'s endpoint, then run the command again; it finds out what was applied`,
  busy: () => "something else changes it at this moment; run the command again",
  gone: ({ region }) =>
    `check that it exists in region ${region} and belongs to the account of these credentials`,
  elsewhere: () => "detach it by hand if it should be here, then run the command again",
  "in-use": () => "see what is still in it in the console, then run the command again",
  limit: ({ apiCode }) => limitHint(apiCode),
  denied: ({ action, service }) =>
    `allow ${service}:${action} to this user or role (packaging/volcengine-policy.json has what every init needs, docs/volcengine.md what --authorize-vpc-ingress needs besides)`,
  credentials: ({ source }) =>
    `check the credentials from ${source}; temporary ones may have expired`,
  clock: () => "set this machine's clock (NTP): requests are valid for 15 minutes only",
  "token-reused": () => "run the command again",
  refused: () => "see docs/volcengine.md for what this cloud wants",
};

export function limitHint(apiCode: string): string {
  switch (apiCode) {
    case "LimitExceeded.EnisPerInstance":
      return "detach an interface that is not needed, use a larger instance type, or give a smaller --pool-size";
    case "LimitExceeded.PrivateIpsPerEni":
      return "the instance type takes fewer addresses on an interface; use a larger one or give a smaller --pool-size";
    case "QuotaExceeded.Eni":
      return "delete interfaces that nobody uses, or ask for a higher quota of interfaces in this region";
    case "QuotaExceeded.SecurityGroupIp":
      return "every address counts in its security group: name another with --security-group, or ask for a higher quota";
    case "QuotaExceeded.EniSecurityGroup":
      return "name fewer groups with --security-group";
    case "InsufficientIpInSubnet":
      return "delete what uses the subnet's addresses (detached interfaces), or give a larger --subnet";
    default:
      return "ask for a higher quota, or give a smaller --pool-size";
  }
}

/** What is said of a failed call; holds nothing of the credentials but where they came from. */
export interface FaultFacts {
  readonly service: string;
  readonly action: string;
  readonly region: string;
  readonly status: number;
  /** Empty when there was no answer that can be understood. */
  readonly apiCode: string;
  readonly message: string;
  readonly requestId: string;
  /** Where the credentials came from. */
  readonly source: string;
}

/** A call that failed, as a BrokerError with a `cloud-` code. */
export class ApiFault extends BrokerError {
  readonly kind: FaultKind;
  readonly apiCode: string;
  /** Milliseconds that the cloud asked to wait. */
  readonly after: number | undefined;
  /** Whether it is certain that nothing was applied; false also when an earlier try of the call had no clear answer. */
  definite: boolean;

  constructor(kind: FaultKind, facts: FaultFacts, after?: number, cause?: unknown) {
    const what = facts.apiCode === "" ? facts.message : `${facts.apiCode}: ${facts.message}`;
    super(codes[kind], `${facts.service} ${facts.action} in ${facts.region} failed: ${what}`, {
      details: facts.requestId === "" ? "" : `request ${facts.requestId}`,
      hint: hints[kind](facts),
      cause,
    });
    this.name = "ApiFault";
    this.kind = kind;
    this.apiCode = facts.apiCode;
    this.after = after;
    this.definite = kind !== "uncertain";
  }
}

export const isFault = (thrown: unknown, ...wanted: readonly FaultKind[]): thrown is ApiFault =>
  thrown instanceof ApiFault && wanted.includes(thrown.kind);

/** A token that was used before says that something else may have been made with it. */
export const isDefinite = (thrown: unknown): boolean =>
  thrown instanceof ApiFault && thrown.definite && thrown.kind !== "token-reused";

/** A subnet that was just made may not be known everywhere yet. */
export const isSubnetGone = (thrown: unknown): boolean =>
  thrown instanceof ApiFault && thrown.apiCode === "InvalidSubnet.NotFound";
