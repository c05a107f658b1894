// The wire format of the broker's API: every request and answer, as schemas for what comes in and types for what goes out.

import * as z from "zod/mini";

/** Version of the API; a plugin or command two minor versions apart from the broker still works. */
export const API_VERSION = "0.1.0";

/**
 * How both sides stay apart from each other's version: within `/v1` fields are only added, each optional and with a
 * meaning when it is absent; nobody refuses a field that it does not know; a word of a list that may grow is read as any
 * text; a request that an older broker has no path for is its 404. No side asks for the other's version.
 */
const word = z.string();

/** Largest request body (wire format of the plugin). */
export const MAX_BODY_BYTES = 1024 * 1024;
/** Longest confirm token that is looked at. */
export const MAX_TOKEN_LENGTH = 4096;

/** The body of every answer that is not a success. */
export const errorAnswer = z.object({
  code: z.string(),
  message: z.string(),
  details: z.string(),
  hint: z.string(),
});
export type ErrorAnswer = z.infer<typeof errorAnswer>;

/** What the plugin is to print and how it is to end. CNI failures are answers too, with exit code 1. */
export const cniAnswer = z.object({
  exitCode: z.union([z.literal(0), z.literal(1)]),
  stdout: z.string(),
  stderr: z.optional(z.string()),
  /** Opaque; to be sent back after the result was written to stdout. */
  confirm: z.optional(z.string()),
});
export type CniAnswer = z.infer<typeof cniAnswer>;

export const confirmRequest = z.object({
  confirm: z.string().check(z.minLength(1), z.maxLength(MAX_TOKEN_LENGTH)),
});

const count = z.number();
/** Milliseconds since the Unix epoch. */
const moment = z.number();

/** Addresses of one pool by state; `size` leaves out gateway, network and broadcast. Counts above 2^53 are rounded. */
export const poolStatus = z.object({
  name: z.string(),
  subnet: z.string(),
  gateway: z.optional(z.string()),
  size: count,
  free: count,
  leased: count,
  offered: count,
  cooling: count,
  quarantined: count,
});
export type PoolStatus = z.infer<typeof poolStatus>;

/** One item of the node's set-up: a link, an address, a sysctl, a firewall chain. */
export const nodeItem = z.object({
  item: z.string(),
  /** ok, repaired, failed, foreign or skipped. */
  state: word,
  detail: z.optional(z.string()),
});
export type NodeItem = z.infer<typeof nodeItem>;

export const statusAnswer = z.object({
  version: z.string(),
  /** Whether ADDs are answered now; `notServing` says why not. */
  serving: z.boolean(),
  notServing: z.optional(z.string()),
  since: moment,
  bootId: z.string(),
  processId: z.number(),
  platform: z.string(),
  node: z.string(),
  bridge: z.string(),
  pool: poolStatus,
  /** Every pool, the node's first. */
  pools: z.array(poolStatus),
  ledger: z.object({
    /** missing, sound or damaged. */
    condition: word,
    /** sync or relaxed. */
    durability: word,
    records: count,
    detail: z.optional(z.string()),
  }),
  setup: z.array(nodeItem),
  warnings: z.array(z.string()),
  /** Other DHCP servers heard on the bridge. */
  rogueServers: z.optional(
    z.array(z.object({ mac: z.string(), server: z.string(), port: z.string() })),
  ),
});
export type StatusAnswer = z.infer<typeof statusAnswer>;

export const ownerAnswer = z.object({
  /** container, guest or found. */
  kind: word,
  network: z.optional(z.string()),
  containerId: z.optional(z.string()),
  ifname: z.optional(z.string()),
  mac: z.optional(z.string()),
  evidence: z.optional(z.string()),
});

export const leaseAnswer = z.object({
  ip: z.string(),
  pool: z.string(),
  /** offered, leased, cooling or quarantined. */
  state: word,
  /** The owner in words. */
  owner: z.string(),
  ownerParts: z.optional(ownerAnswer),
  sequence: z.number(),
  since: moment,
  until: z.optional(moment),
  provisional: z.boolean(),
  mac: z.optional(z.string()),
  hostname: z.optional(z.string()),
  sticky: z.optional(z.string()),
  routed: z.boolean(),
  attachment: z.optional(
    z.object({
      netns: z.string(),
      podNamespace: z.optional(z.string()),
      podName: z.optional(z.string()),
      podUid: z.optional(z.string()),
    }),
  ),
});
export type LeaseAnswer = z.infer<typeof leaseAnswer>;

export const leasesAnswer = z.object({ leases: z.array(leaseAnswer) });

/** A business event as it was recorded: when, what, and its own fields beside that. */
export const recordedEvent = z.looseObject({ at: moment, event: z.string() });
export type RecordedEvent = z.infer<typeof recordedEvent>;

/** All that is known of one address, whether or not anybody holds it. */
export const addressAnswer = z.object({
  ip: z.string(),
  /** The pool that it belongs to, if any. */
  pool: z.optional(z.string()),
  /** Why it is never given away: gateway, network, broadcast, outside every pool. */
  excluded: z.optional(z.string()),
  lease: z.optional(leaseAnswer),
  /** What the kernel says; absent where it could not be asked. */
  route: z.optional(z.object({ present: z.boolean(), expected: z.boolean() })),
  neighbour: z.optional(z.object({ mac: z.string(), state: z.optional(z.string()) })),
  /** Recent events of this address, oldest first. */
  history: z.array(recordedEvent),
});
export type AddressAnswer = z.infer<typeof addressAnswer>;

export const forgetAnswer = z.object({ ip: z.string(), released: z.boolean(), owner: z.string() });
export type ForgetAnswer = z.infer<typeof forgetAnswer>;

export const fsckRequest = z.object({ repair: z.optional(z.boolean()) });

export const difference = z.object({
  /** One of the closed set in docs/fsck.md. */
  kind: z.string(),
  /** The address or file that it is about. */
  about: z.string(),
  detail: z.string(),
  meaning: z.string(),
  /** What a repair does; absent where only an operator can tell what is right. */
  mending: z.optional(z.string()),
  mended: z.boolean(),
});
export type DifferenceAnswer = z.infer<typeof difference>;

export const fsckAnswer = z.object({
  repair: z.boolean(),
  /** Differences found; `differences` tells of the first 4,096. */
  total: count,
  /** Those that are there still. */
  open: count,
  differences: z.array(difference),
  compared: z.object({ leases: count, routes: count, neighbours: count, namespaces: count }),
});
export type FsckAnswer = z.infer<typeof fsckAnswer>;

/** `ok` false is answered with status 503. */
export const healthAnswer = z.object({ ok: z.boolean(), reason: z.optional(z.string()) });
export type HealthAnswer = z.infer<typeof healthAnswer>;
