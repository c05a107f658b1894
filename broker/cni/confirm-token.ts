// The token by which a plugin tells that it delivered a result: opaque to the plugin, checked when it comes back.

import type { ContainerOwner, Lease } from "#core/lease.ts";
import * as z from "zod/mini";

export interface Delivery {
  readonly owner: ContainerOwner;
  readonly sequences: readonly number[];
}

/** Longest token in UTF-16 units: an owner's names and one sequence number for each range set. */
const MAX_TOKEN_LENGTH = 4096;

const tokenSchema = z.tuple([z.string(), z.string(), z.string(), z.array(z.int())]);

export function formatToken(owner: ContainerOwner, leases: readonly Lease[]): string {
  return JSON.stringify([
    owner.network,
    owner.containerId,
    owner.ifname,
    leases.map((lease) => lease.sequence),
  ]);
}

/** `undefined` for anything that {@link formatToken} cannot have made. */
export function parseToken(token: unknown): Delivery | undefined {
  if (typeof token !== "string" || token.length > MAX_TOKEN_LENGTH) return undefined;
  const parsed = tokenSchema.safeParse(parseJson(token));
  if (!parsed.success) return undefined;
  const [network, containerId, ifname, sequences] = parsed.data;
  return { owner: { kind: "container", network, containerId, ifname }, sequences };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // No JSON is as good as JSON of another shape: the schema refuses both.
    return undefined;
  }
}
