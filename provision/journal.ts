// How far provisioning has come: kept in pool.json under one extra key, so that a killed run is finished or undone.

import * as z from "zod/mini";
import { BrokerError } from "#core/errors.ts";
import type { PoolFile } from "./pool-file.ts";

/** The key of pool.json. */
export const PROVISIONING_KEY = "provisioning";
const VERSION = 1;
/** More than any plan has; a file with more was not written by us. */
const MAX_ENTRIES = 512;
const MAX_TEXT = 1_024;
const MAX_LIST = 4_096;

const text = z.string().check(z.maxLength(MAX_TEXT));
const texts = z.array(text).check(z.maxLength(MAX_LIST));
const notes = z.record(text, z.union([text, texts]));

const entry = z.object({
  step: text,
  token: text,
  attempt: z.number().check(z.int(), z.gte(1), z.lte(1_000)),
  state: z.enum(["intended", "done"]),
  refused: z.optional(z.literal(true)),
  at: text,
  notes,
});

const attachment = z.object({
  eniID: text,
  mac: text,
  nic: text,
  gateway: text,
  ips: texts,
});

const schema = z.object({
  version: z.literal(VERSION),
  state: z.enum(["provisioning", "complete", "degraded", "removing", "adopted"]),
  generation: text,
  node: z.record(text, text),
  vpcCIDRs: z._default(texts, []),
  attachments: z._default(z.array(attachment).check(z.maxLength(64)), []),
  degraded: z._default(texts, []),
  entries: z._default(z.array(entry).check(z.maxLength(MAX_ENTRIES)), []),
});

/** What a version to come writes; all else about it is unknown. */
const later = z.object({ version: z.number().check(z.gt(VERSION)) });

/** What one step has learned: names and IDs, never a secret. */
export type Notes = Readonly<Record<string, string | readonly string[]>>;
/** Who the machine is, in the cloud's words; `instance` is its ID, not its name, since names are used again. */
export type NodeIdentity = Readonly<Record<string, string>> & { readonly instance: string };

/** A secondary interface and what it brings; `nic` is its name when it was last seen, `mac` finds it after a reboot. */
export interface Attachment {
  readonly eniID: string;
  /** Lower case, with colons. */
  readonly mac: string;
  readonly nic: string;
  /** Next hop of packets from `ips`. */
  readonly gateway: string;
  readonly ips: readonly string[];
}

/** A step's state: its intent is durable before its first call, its result after its last. */
export interface JournalEntry {
  readonly step: string;
  readonly token: string;
  /** From 1; another one when the request had to differ. */
  readonly attempt: number;
  readonly state: "intended" | "done";
  /** Every request for it was definitely refused: the cloud has nothing of it that could still show. */
  readonly refused?: true | undefined;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly notes: Notes;
}

export interface Provisioning {
  readonly version: 1;
  /** `provisioning`, `removing`: a run has not ended. The broker serves `complete`, `degraded` and `adopted` only. */
  readonly state: "provisioning" | "complete" | "degraded" | "removing" | "adopted";
  /** UUID made by the first run; part of every token, so that a node made anew does not replay old ones. */
  readonly generation: string;
  readonly node: Readonly<Record<string, string>>;
  readonly vpcCIDRs: readonly string[];
  readonly attachments: readonly Attachment[];
  /** Why less was published than asked for. */
  readonly degraded: readonly string[];
  readonly entries: readonly JournalEntry[];
}

/** What pool.json says of provisioning; `undefined`: nothing (the Go version, or platform local). */
export function provisioningOf(pool: PoolFile | undefined): Provisioning | undefined {
  const raw = pool?.extra[PROVISIONING_KEY];
  if (raw === undefined) return undefined;
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  if (later.safeParse(raw).success)
    throw new BrokerError(
      "invalid-config",
      `pool.json: ${PROVISIONING_KEY} is of a later version than ${VERSION}`,
      { hint: "use the version of cocoon-net that wrote it, or a newer one" },
    );
  const issue = parsed.error.issues[0];
  throw new BrokerError(
    "invalid-config",
    `pool.json: ${PROVISIONING_KEY}${issue === undefined ? "" : `.${issue.path.join(".")}: ${issue.message}`}`,
    {
      hint: "restore pool.json from a backup; without it, cocoon-net teardown --platform <name> removes what carries our tags (GKE has none: init again, then teardown --include-untagged)",
    },
  );
}

export const withProvisioning = (pool: PoolFile, provisioning: Provisioning): PoolFile => ({
  ...pool,
  extra: { ...pool.extra, [PROVISIONING_KEY]: provisioning },
});

/** The journal with this step's entry replaced or added. */
export function withEntry(provisioning: Provisioning, made: JournalEntry): Provisioning {
  const others = provisioning.entries.filter(({ step }) => step !== made.step);
  return { ...provisioning, entries: [...others, made] };
}

export const entryOf = (
  provisioning: Provisioning | undefined,
  step: string,
): JournalEntry | undefined => provisioning?.entries.find((made) => made.step === step);
