// How many addresses below a given one are taken, counted along its way through the tree.

import type { Node, Nodes } from "./nodes.ts";
import type { SlotPath } from "./slot-path.ts";
import { countSlots, hasSlot, slotsBefore } from "./slots.ts";

/** Taken addresses of the tree below `root` in front of the one that `path` follows; `stem` is the level of the stems. */
export function takenBefore(nodes: Nodes, root: Node, path: SlotPath, stem: number): bigint {
  let node = root;
  let count = 0n;
  for (let level = 0; level < stem; level++) {
    const slot = path.slot(level);
    const slotBits = BigInt(path.slotBits(level));
    const before = slotsBefore(slot);
    count += BigInt(countSlots(nodes.full(node) & before)) << slotBits;
    const partial = countSlots(nodes.any(node) & ~nodes.full(node) & before);
    for (const child of nodes.children(node).slice(0, partial)) count += nodes.taken(child);
    if (hasSlot(nodes.full(node), slot))
      return count + BigInt.asUintN(Number(slotBits), path.value());
    const child = nodes.child(node, slot);
    if (child === undefined) return count;
    node = child;
  }
  return count + BigInt(takenInStem(nodes, node, path.slot(stem), path.slot(stem + 1)));
}

/** In the words before this one, and in this one before the slot. */
function takenInStem(nodes: Nodes, stem: Node, word: number, slot: number): number {
  let count = countSlots(nodes.word(stem, word) & slotsBefore(slot));
  for (let before = 0; before < word; before++) count += countSlots(nodes.word(stem, before));
  return count;
}
