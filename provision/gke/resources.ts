// The parts of Compute Engine's resources that provisioning uses, read from hostile JSON; unknown keys of list entries survive.

import * as z from "zod/mini";
import { CallFailure } from "./failure.ts";

const MAX_NAME = 1_024;
/** Twice what the cloud's own limits allow (150 alias ranges on a NIC, 170 secondary ranges in a subnetwork). */
const MAX_RANGES = 340;
const MAX_INTERFACES = 64;
const MAX_PAGE = 500;

const text = z.string().check(z.maxLength(MAX_NAME));
/** uint64 in decimal; a number would have lost digits. */
const identifier = text.check(z.regex(/^[0-9]+$/));

const alias = z.looseObject({ ipCidrRange: text, subnetworkRangeName: z.optional(text) });
const range = z.looseObject({ rangeName: text, ipCidrRange: text });

const networkInterface = z.object({
  name: text,
  network: z._default(text, ""),
  subnetwork: z._default(text, ""),
  fingerprint: z._default(text, ""),
  aliasIpRanges: z._default(z.array(alias).check(z.maxLength(MAX_RANGES)), []),
});

const instance = z.object({
  id: identifier,
  name: text,
  status: z._default(text, ""),
  canIpForward: z._default(z.boolean(), false),
  networkInterfaces: z.array(networkInterface).check(z.minLength(1), z.maxLength(MAX_INTERFACES)),
});

const subnetwork = z.object({
  name: text,
  ipCidrRange: text,
  fingerprint: z._default(text, ""),
  secondaryIpRanges: z._default(z.array(range).check(z.maxLength(MAX_RANGES)), []),
});

const operation = z.object({
  name: text,
  status: z.enum(["PENDING", "RUNNING", "DONE"]),
  clientOperationId: z.optional(text),
  error: z.optional(
    z.object({
      errors: z._default(
        z.array(z.object({ code: text, message: z._default(z.string(), "") })),
        [],
      ),
    }),
  ),
  httpErrorStatusCode: z.optional(z.number()),
  httpErrorMessage: z.optional(z.string()),
});

const operationList = z.object({
  items: z._default(z.array(operation).check(z.maxLength(MAX_PAGE)), []),
});

const listedInstance = z.object({
  id: identifier,
  name: text,
  zone: z._default(text, ""),
  networkInterfaces: z._default(
    z.array(z.object({ aliasIpRanges: z._default(z.array(alias), []) })),
    [],
  ),
});
const instanceList = z.object({
  items: z._default(
    z.record(text, z.object({ instances: z._default(z.array(listedInstance), []) })),
    {},
  ),
  nextPageToken: z.optional(text),
});

const permissions = z.object({ permissions: z._default(z.array(text), []) });

/** What each kind of answer must look like. */
export const answers = {
  instance,
  subnetwork,
  operation,
  operationList,
  instanceList,
  permissions,
};

/** An alias range as the API shows it, with keys that we do not know. */
export type Alias = z.output<typeof alias>;
export type SecondaryRange = z.output<typeof range>;
export type Instance = z.output<typeof instance>;
export type NetworkInterface = z.output<typeof networkInterface>;
export type Subnetwork = z.output<typeof subnetwork>;
export type Operation = z.output<typeof operation>;
export type InstanceList = z.output<typeof instanceList>;

/** The answer, or a CallFailure that says which part of it is wrong without quoting it. */
export function parseAnswer<Schema extends z.ZodMiniType>(
  call: string,
  schema: Schema,
  json: unknown,
): z.output<Schema> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join(".") ?? "";
  throw new CallFailure(call, 0, "garbage", `the answer has not the form of the API (${where})`);
}

/** A subnetwork's place: in a Shared VPC, another project than the node's. */
export interface SubnetworkReference {
  readonly project: string;
  readonly region: string;
  readonly name: string;
}

/** From the URL that an interface carries. */
export function subnetworkReference(url: string): SubnetworkReference | undefined {
  const found = /projects\/([^/]+)\/regions\/([^/]+)\/subnetworks\/([^/]+)$/.exec(url);
  const [, project, region, name] = found ?? [];
  if (project === undefined || region === undefined || name === undefined) return undefined;
  return { project, region, name };
}
