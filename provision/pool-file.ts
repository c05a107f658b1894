// pool.json: the node's pool as provisioning left it, readable by the Go version and back.

import { open } from "node:fs/promises";
import * as z from "zod/mini";
import { type Ip, parseIp } from "#core/address.ts";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import { parsePrefix, prefixSize } from "#core/prefix.ts";
import { replaceFile } from "./replace-file.ts";

/** A whole-subnet pool of platform `local` with more addresses than this leaves `ips` out of the file. */
export const LISTED_ADDRESSES_LIMIT = 4_096;
const MODE = 0o600;
/** 65,536 listed addresses take 1.2 MB; what is larger was not written by us. */
const MAX_BYTES = 8 * 1_024 * 1_024;
/** Faults told in one message. */
const MAX_FAULTS_TOLD = 5;
/** Network, broadcast and gateway. */
const NEVER_POOLED = 3n;

/** Spec section 2. Lists and texts that the file lacks are empty. */
export interface PoolFile {
  readonly platform: "gke" | "volcengine" | "local";
  readonly nodeName: string;
  /** CIDR notation. */
  readonly subnet: string;
  readonly gateway: Ip;
  readonly primaryNIC: string;
  readonly secondaryNICs: readonly string[];
  /** The pool's addresses; `undefined`: every address of the subnet (platform `local` only). */
  readonly ips: readonly Ip[] | undefined;
  readonly eniIDs: readonly string[];
  readonly subnetID: string;
  readonly aliasRangeName: string;
  readonly dnsServers: readonly Ip[];
  readonly dropInternalAccess: boolean;
  /** CIDR notation. */
  readonly dropCIDRs: readonly string[];
  /** RFC 3339, UTC. */
  readonly updatedAt: string;
  /** adopt's choice; `undefined`: as the Go daemon. */
  readonly manageIptables: boolean | undefined;
  /** Keys that this version does not know, and provisioning's own: written back as they were read. */
  readonly extra: Readonly<Record<string, unknown>>;
}

const text = z._default(z.string(), "");
const address = z.pipe(
  z.string(),
  z.transform((value, context): Ip => {
    const parsed = parseIp(value);
    if (parsed !== undefined) return parsed;
    context.issues.push({
      code: "custom",
      input: value,
      message: `${JSON.stringify(value)} is not an IP address`,
    });
    return z.NEVER;
  }),
);
const prefix = z
  .string()
  .check(z.refine((value) => parsePrefix(value) !== undefined, "not a range in CIDR notation"));
/** The Go version writes `null` for a list without elements. */
const list = <Item extends z.core.SomeType>(item: Item) =>
  z.pipe(
    z.optional(z.nullable(z.array(item))),
    z.transform((items) => items ?? []),
  );

const schema = z.object({
  platform: z.enum(["gke", "volcengine", "local"]),
  nodeName: text,
  subnet: prefix,
  gateway: address,
  primaryNIC: text,
  secondaryNICs: list(z.string()),
  ips: z.optional(z.nullable(z.array(address))),
  eniIDs: list(z.string()),
  subnetID: text,
  aliasRangeName: text,
  dnsServers: list(address),
  dropInternalAccess: z._default(z.boolean(), false),
  dropCIDRs: list(prefix),
  updatedAt: text,
  manageIptables: z.optional(z.boolean()),
});
const knownKeys = new Set(Object.keys(schema.shape));

/** The file's content; `undefined` when there is no file. Throws a BrokerError (`invalid-config`, `system-failure`). */
export async function readPoolFile(path: string): Promise<PoolFile | undefined> {
  const content = await readContent(path);
  return content === undefined ? undefined : parsePoolFile(content, path);
}

/** Reads the text of a pool file; `path` is for messages. */
export function parsePoolFile(json: string, path: string): PoolFile {
  const content: unknown = parseJson(json, path);
  const parsed = schema.safeParse(content);
  if (!parsed.success) throw invalid(path, tell(parsed.error.issues));
  const { ips, manageIptables, ...known } = parsed.data;
  const others = Object.entries(content ?? {}).filter(([key]) => !knownKeys.has(key));
  const implied = known.platform === "local" ? undefined : [];
  return { ...known, ips: ips ?? implied, manageIptables, extra: Object.fromEntries(others) };
}

/** Replaces the file atomically, with fsync of file and folder. Throws a BrokerError (`system-failure`). */
export async function writePoolFile(path: string, pool: PoolFile): Promise<void> {
  try {
    await replaceFile(path, formatPoolFile(pool), MODE);
  } catch (thrown) {
    throw failure("write", path, thrown);
  }
}

/** The file's text: our keys in the order of the spec, then the others. */
export function formatPoolFile(pool: PoolFile): string {
  const { extra, ips, manageIptables, ...known } = pool;
  const listed = ips === undefined || isImplied(pool) ? {} : { ips };
  const choice = manageIptables === undefined ? {} : { manageIptables };
  return `${JSON.stringify({ ...ordered({ ...known, ...listed, ...choice }), ...extra }, undefined, 2)}\n`;
}

/** Whether the subnet says all that the list of addresses would. */
function isImplied({ platform, subnet, ips }: PoolFile): boolean {
  const block = parsePrefix(subnet);
  if (platform !== "local" || ips === undefined || block === undefined) return false;
  return (
    ips.length > LISTED_ADDRESSES_LIMIT && BigInt(ips.length) >= prefixSize(block) - NEVER_POOLED
  );
}

function ordered(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    [...knownKeys].filter((key) => key in fields).map((key) => [key, fields[key]]),
  );
}

async function readContent(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path, "r");
    const { size } = await file.stat();
    if (size > MAX_BYTES) throw new RangeError(`it has ${size} bytes, more than ${MAX_BYTES}`);
    return await file.readFile("utf8");
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
    throw failure("read", path, thrown);
  }
}

function parseJson(content: string, path: string): unknown {
  try {
    return JSON.parse(content);
  } catch (thrown) {
    throw invalid(path, `it is not JSON (${toBrokerError(thrown).message})`);
  }
}

function tell(issues: readonly z.core.$ZodIssue[]): string {
  const told = issues.slice(0, MAX_FAULTS_TOLD).map((issue) => {
    const key = issue.path.join(".");
    return key === "" ? reasonOf(issue) : `${key}: ${reasonOf(issue)}`;
  });
  const more = issues.length - told.length;
  return told.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function reasonOf(issue: z.core.$ZodIssue): string {
  if (issue.code === "invalid_type") return `must be of type ${issue.expected}`;
  if (issue.code === "invalid_value") return `must be one of ${issue.values.join(", ")}`;
  return issue.message;
}

function invalid(path: string, reason: string): BrokerError {
  const hint = `correct the file, or move it away and write it anew with cocoon-net adopt or cocoon-net init`;
  return new BrokerError("invalid-config", `cannot use ${path}: ${reason}`, { hint });
}

function failure(action: string, path: string, thrown: unknown): BrokerError {
  const reason = toBrokerError(thrown).message;
  const hint = `check owner, mode and free space of ${path} and its folder; --state-dir names another one`;
  return new BrokerError("system-failure", `cannot ${action} ${path}: ${reason}`, {
    hint,
    cause: thrown,
  });
}
