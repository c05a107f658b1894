// Names of what is made in the cloud: the same in every run, so that a name alone tells node and slot.

import { createHash } from "node:crypto";

/** Of the API: 1 to 128 characters, letters, digits and `._-`; the slot's number takes four at most. */
const MAX_NODE_NAME = 100;
const DIGEST_LENGTH = 8;

/** The node's name as it may stand in a name there; what had to be changed is told apart by a digest. */
function safeName(nodeName: string): string {
  if (/^[A-Za-z0-9._-]+$/.test(nodeName) && nodeName.length <= MAX_NODE_NAME) return nodeName;
  const digest = createHash("sha256").update(nodeName).digest("hex").slice(0, DIGEST_LENGTH);
  const kept = nodeName.replaceAll(/[^A-Za-z0-9._-]/g, "-");
  return `${kept.slice(0, MAX_NODE_NAME - DIGEST_LENGTH - 1)}-${digest}`;
}

export const subnetName = (nodeName: string): string => `cocoon-${safeName(nodeName)}`;

export const interfaceName = (nodeName: string, slot: number): string =>
  `cocoon-${safeName(nodeName)}-${slot}`;

/** The slot that a name means; `undefined` for names that are not ours. */
export function slotOf(name: string, nodeName: string): number | undefined {
  const digits = /-([1-9][0-9]?)$/.exec(name)?.[1];
  const slot = Number(digits ?? 0);
  return slot > 0 && name === interfaceName(nodeName, slot) ? slot : undefined;
}
