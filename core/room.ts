// How much room there is below a node of the tree of taken addresses: its largest free block, kept up to date.

import type { Node, Nodes } from "./nodes.ts";
import { ALL, hasSlot, largestRun, lowestSlot } from "./slots.ts";

/** Binary logarithm of the largest aligned free block within the slots of `mask`; -1 when there is none. */
export function largestWithin(nodes: Nodes, node: Node, mask: number): number {
  const run = largestRun(nodes.any(node), mask);
  if (run >= 0) return run + nodes.slotBits(node);
  const partial = nodes.any(node) & ~nodes.full(node) & mask;
  let largest = -1;
  for (let slot = lowestSlot(partial, 0); slot >= 0; slot = lowestSlot(partial, slot + 1))
    largest = Math.max(largest, largestBelow(nodes, node, slot));
  return largest;
}

/** The first slot at or behind `from` that is free or has a free block of 2^`wanted` addresses below; -1 when there is none. */
export function roomySlot(nodes: Nodes, node: Node, from: number, wanted: number): number {
  const open = ~nodes.full(node);
  for (let slot = lowestSlot(open, from); slot >= 0; slot = lowestSlot(open, slot + 1))
    if (!hasSlot(nodes.any(node), slot) || largestBelow(nodes, node, slot) >= wanted) return slot;
  return -1;
}

/**
 * Brings a node's largest block up to date when below one of its slots it `had` one and now `has` another. The other slots are
 * asked only when the largest block of all may have been this one's or may be of several.
 */
export function refreshLargest(nodes: Nodes, node: Node, had: number, has: number): void {
  const largest = nodes.largest(node);
  const slotBits = nodes.slotBits(node);
  // A slot that is free as a whole may be part of a larger block.
  const wasOrIsFree = had === slotBits || has === slotBits;
  if (wasOrIsFree || (has < had && had === largest))
    nodes.setLargest(node, largestWithin(nodes, node, ALL));
  else if (has > largest) nodes.setLargest(node, has);
}

/** The largest free block below one partly taken slot. */
function largestBelow(nodes: Nodes, node: Node, slot: number): number {
  if (nodes.isStem(node)) return largestRun(nodes.word(node, slot), ALL);
  const child = nodes.child(node, slot);
  return child === undefined ? -1 : nodes.largest(child);
}
