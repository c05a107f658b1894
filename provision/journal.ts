// How far provisioning has come: kept in pool.json under one extra key, so that a killed run is finished or undone.

import * as z from "zod/mini";
import { BrokerError } from "#core/errors.ts";
import type { PoolFile } from "./pool-file.ts";

/** The key of pool.json. */
export const PROVISIONING_KEY = "provisioning";
const VERSION = 1;
/** More than any plan has; a file with more was not written by us. */
export const MAX_ENTRIES = 512;
/** Entries that only a teardown may still add: a full journal can always be undone, and a new one begun. */
export const REMOVAL_ROOM = 128;
/** Of one step; a step that failed as often is not going to succeed. */
export const MAX_ATTEMPTS = 100_000;
const MAX_TEXT = 1_024;
const MAX_LIST = 4_096;

const text = z.string().check(z.maxLength(MAX_TEXT));
const texts = z.array(text).check(z.maxLength(MAX_LIST));
const notes = z.record(text, z.union([text, texts]));

const entry = z.object({
  step: text,
  token: text,
  attempt: z.number().check(z.int(), z.gte(1), z.lte(MAX_ATTEMPTS)),
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

/** The pool with that journal. Throws `invalid-config` rather than give what {@link provisioningOf} would refuse. */
export function withProvisioning(pool: PoolFile, provisioning: Provisioning): PoolFile {
  const { error } = schema.safeParse(provisioning);
  const issue = error?.issues[0];
  if (issue !== undefined)
    throw new BrokerError(
      "invalid-config",
      `pool.json is not written, for it could not be read again: ${PROVISIONING_KEY}.${issue.path.join(".")}: ${issue.message}`,
      { hint: UNDO },
    );
  return { ...pool, extra: { ...pool.extra, [PROVISIONING_KEY]: provisioning } };
}

const UNDO = "run cocoon-net teardown, then init: that begins a new journal";

/** The journal with this step's entry replaced or added. Throws `invalid-config` when there is no room for it. */
export function withEntry(provisioning: Provisioning, made: JournalEntry): Provisioning {
  const others = provisioning.entries.filter(({ step }) => step !== made.step);
  const room = provisioning.state === "removing" ? MAX_ENTRIES : MAX_ENTRIES - REMOVAL_ROOM;
  const isNew = others.length === provisioning.entries.length;
  if (isNew && others.length >= room)
    throw full(`it has ${others.length} steps, and no more than ${room} are kept`);
  if (made.attempt > MAX_ATTEMPTS)
    throw full(`${made.step} was tried ${MAX_ATTEMPTS} times, and no more are kept`);
  return { ...provisioning, entries: [...others, made] };
}

const full = (why: string): BrokerError =>
  new BrokerError("invalid-config", `the journal in pool.json is full: ${why}`, { hint: UNDO });

/** A text that the journal can hold, cut where it is longer. */
export const heldText = (words: string): string =>
  words.length > MAX_TEXT ? `${words.slice(0, MAX_TEXT - 1)}…` : words;

export const entryOf = (
  provisioning: Provisioning | undefined,
  step: string,
): JournalEntry | undefined => provisioning?.entries.find((made) => made.step === step);
