// Reads LMDB's data file without LMDB: a damaged page must be found by us, since LMDB trusts pages and would crash on them.

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

/** Format of data version 2 (liblmdb, mdb.c): sizes and offsets in bytes, little endian. */
const PAGE_HEADER = 24;
const META_BYTES = 24 + 2 * 48 + 24;
const META_MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;
const P_BRANCH = 1;
const P_LEAF = 2;
const P_OVERFLOW = 4;
const P_META = 8;
const F_BIGDATA = 1;
const NODE_HEADER = 8;
/** LMDB's own bound for the depth of a tree (CURSOR_STACK). */
const MAX_DEPTH = 32;
const PAGE_SIZES: readonly number[] = [4_096, 8_192, 16_384, 32_768];

/** Leaves are read in the order of the file, so much of it at a time: each alone would be a call into the system. */
const WINDOW_BYTES = 256 * 1_024;

/**
 * Called for every readable entry of the ledger's tree, in no order that counts; its value is in `bytes` from `start` up to
 * `end`. A view of the bytes for each of tens of thousands would cost as much as reading them.
 */
export type VisitEntry = (key: string, bytes: Buffer, start: number, end: number) => void;

interface Tree {
  readonly depth: number;
  readonly entries: bigint;
  readonly root: bigint;
}
interface Meta {
  readonly pageSize: number;
  readonly transaction: bigint;
  readonly free: Tree;
  readonly main: Tree;
}

/**
 * Checks the newest snapshot (`newest`) or the newest synced one (`synced`, kept beside the first meta page in relaxed
 * mode): each page is inside the file, of its kind, used once, its nodes inside the page, entries as many as recorded.
 * Answers with the first fault in words, `undefined` when there is none. Goes on behind a fault, so that `visit` sees
 * whatever is left. Throws only what the file system throws.
 */
export function checkLmdbFile(
  folder: string,
  snapshot: "newest" | "synced",
  visit: VisitEntry,
): string | undefined {
  const descriptor = openSync(join(folder, "data.mdb"), "r");
  try {
    const size = fstatSync(descriptor).size;
    if (size === 0) return "data.mdb is empty";
    const meta = chooseMeta(descriptor, snapshot);
    if (typeof meta === "string") return meta;
    const walk: Walk = {
      descriptor,
      pageSize: meta.pageSize,
      pages: Math.floor(size / meta.pageSize),
      seen: new Uint8Array(Math.floor(size / meta.pageSize)),
      window: { bytes: Buffer.allocUnsafeSlow(WINDOW_BYTES), position: 0, length: 0 },
      faults: [],
    };
    checkTree(walk, "free list", meta.free, () => undefined);
    checkTree(walk, "records", meta.main, visit);
    return walk.faults[0];
  } finally {
    closeSync(descriptor);
  }
}

interface Walk {
  readonly descriptor: number;
  readonly pageSize: number;
  /** Whole pages in the file. */
  readonly pages: number;
  /** 1 for each page that was met. */
  readonly seen: Uint8Array;
  /** The part of the file that was read last: `length` bytes from `position` on. */
  readonly window: { readonly bytes: Buffer; position: number; length: number };
  readonly faults: string[];
}

function chooseMeta(descriptor: number, snapshot: "newest" | "synced"): Meta | string {
  const first = readMeta(descriptor, 0, true);
  if (typeof first === "string") return first;
  if (snapshot === "synced") return readMeta(descriptor, first.pageSize / 2, false);
  const second = readMeta(descriptor, first.pageSize, true);
  if (typeof second === "string") return second;
  return second.transaction > first.transaction ? second : first;
}

/** `headed`: on a page of its own, with magic number and version; the synced snapshot's meta has only what changes. */
function readMeta(descriptor: number, position: number, headed: boolean): Meta | string {
  const bytes = readAt(descriptor, position, PAGE_HEADER + META_BYTES);
  if (bytes === undefined) return "data.mdb ends inside its meta pages";
  const meta = bytes.subarray(PAGE_HEADER);
  if (headed) {
    if (bytes.readUInt16LE(18) !== P_META || meta.readUInt32LE(0) !== META_MAGIC)
      return `no meta page at ${position}`;
    const version = meta.readUInt32LE(4) & 0xffff;
    if (version !== DATA_VERSION) return `data version ${version} instead of ${DATA_VERSION}`;
  }
  const pageSize = meta.readUInt32LE(24);
  if (!PAGE_SIZES.includes(pageSize)) return `page size ${pageSize}`;
  return {
    pageSize,
    free: readTree(meta, 24),
    main: readTree(meta, 72),
    transaction: meta.readBigUInt64LE(128),
  };
}

function readTree(meta: Buffer, offset: number): Tree {
  return {
    depth: meta.readUInt16LE(offset + 6),
    entries: meta.readBigUInt64LE(offset + 32),
    root: meta.readBigUInt64LE(offset + 40),
  };
}

function checkTree(walk: Walk, name: string, tree: Tree, visit: VisitEntry): void {
  if (tree.root === NO_PAGE) {
    if (tree.entries !== 0n) walk.faults.push(`${name}: ${tree.entries} entries without a page`);
    return;
  }
  const before = walk.faults.length;
  const leaves: bigint[] = [];
  collectLeaves(walk, tree.root, Math.min(tree.depth, MAX_DEPTH), leaves);
  let entries = 0;
  for (const leaf of leaves.sort((one, other) => Number(one - other)))
    entries += checkLeaf(walk, leaf, visit);
  if (walk.faults.length === before && BigInt(entries) !== tree.entries) {
    walk.faults.push(`${name}: ${entries} entries where ${tree.entries} are recorded`);
  }
}

/** Checks the branches from a page on; `levels` counts down to 1 at the leaves, which are only noted. */
function collectLeaves(walk: Walk, number: bigint, levels: number, leaves: bigint[]): void {
  if (levels === 1) {
    leaves.push(number);
    return;
  }
  const page = takePage(walk, number, P_BRANCH, pageAlone);
  if (page === undefined) return;
  for (const { start } of nodesOf(walk, number, page))
    collectLeaves(walk, branchTarget(page, start), levels - 1, leaves);
}

/** Answers with the number of entries that can be read. */
function checkLeaf(walk: Walk, number: bigint, visit: VisitEntry): number {
  const page = takePage(walk, number, P_LEAF, pageInWindow);
  if (page === undefined) return 0;
  let entries = 0;
  for (const { start, keyEnd } of nodesOf(walk, number, page)) {
    if (visitLeaf(walk, page, start, keyEnd, visit)) entries++;
    else walk.faults.push(`page ${number}: the value at ${start} cannot be read`);
  }
  return entries;
}

interface Node {
  readonly start: number;
  readonly keyEnd: number;
}

/** The nodes of a page that lie in it; those that leave it are faults. */
function nodesOf({ faults }: Walk, number: bigint, page: Buffer): Node[] {
  const count = page.readUInt16LE(20) >>> 1;
  const nodes: Node[] = [];
  for (let index = 0; index < count; index++) {
    const start = PAGE_HEADER + page.readUInt16LE(PAGE_HEADER + 2 * index);
    const keyEnd =
      start +
      NODE_HEADER +
      (start + NODE_HEADER <= page.length ? page.readUInt16LE(start + 6) : page.length);
    if (start < PAGE_HEADER + 2 * count || keyEnd > page.length)
      faults.push(`page ${number}: node ${index} leaves the page`);
    else nodes.push({ start, keyEnd });
  }
  return nodes;
}

function branchTarget(page: Buffer, start: number): bigint {
  return BigInt(page.readUInt32LE(start)) + (BigInt(page.readUInt16LE(start + 4)) << 32n);
}

/** Whether the value of a leaf's node can be read: behind its key, or on overflow pages of its own. */
function visitLeaf(
  walk: Walk,
  page: Buffer,
  start: number,
  keyEnd: number,
  visit: VisitEntry,
): boolean {
  const length = page.readUInt32LE(start);
  const flags = page.readUInt16LE(start + 4);
  const key = page.toString("utf8", start + NODE_HEADER, keyEnd);
  if (flags === 0) {
    if (keyEnd + length > page.length) return false;
    visit(key, page, keyEnd, keyEnd + length);
    return true;
  }
  const value =
    flags === F_BIGDATA && keyEnd + 8 <= page.length
      ? overflowValue(walk, page.readBigUInt64LE(keyEnd), length)
      : undefined;
  if (value === undefined) return false;
  visit(key, value, 0, length);
  return true;
}

function overflowValue(walk: Walk, number: bigint, length: number): Buffer | undefined {
  const first = takePage(walk, number, P_OVERFLOW, pageAlone);
  if (first === undefined) return undefined;
  const pages = first.readUInt32LE(20);
  if (PAGE_HEADER + length > pages * walk.pageSize || Number(number) + pages > walk.pages)
    return undefined;
  return readAt(walk.descriptor, Number(number) * walk.pageSize + PAGE_HEADER, length);
}

/** Reads a page of the wanted kind that nothing else points to; notes the fault and answers `undefined` otherwise. */
function takePage(
  walk: Walk,
  number: bigint,
  kind: number,
  read: (walk: Walk, position: number) => Buffer | undefined,
): Buffer | undefined {
  const at = Number(number);
  const page = at >= 2 && at < walk.pages ? read(walk, at * walk.pageSize) : undefined;
  if (page === undefined) walk.faults.push(`page ${number} is not in the file`);
  else if (walk.seen[at] === 1) walk.faults.push(`page ${number} is used twice`);
  else if (page.readBigUInt64LE(0) !== number || page.readUInt16LE(18) !== kind)
    walk.faults.push(`page ${number} is not of its kind`);
  else if (kind !== P_OVERFLOW && !isFilledWell(page))
    walk.faults.push(`page ${number} overlaps itself`);
  else {
    walk.seen[at] = 1;
    return page;
  }
  return undefined;
}

const pageAlone = ({ descriptor, pageSize }: Walk, position: number): Buffer | undefined =>
  readAt(descriptor, position, pageSize);

/** A view of the window, which may be filled anew by the next call. */
function pageInWindow(walk: Walk, position: number): Buffer | undefined {
  const { window, pageSize } = walk;
  if (position < window.position || position + pageSize > window.position + window.length) {
    window.position = position;
    window.length = fill(walk.descriptor, position, window.bytes);
  }
  const start = position - window.position;
  return pageSize <= window.length - start
    ? window.bytes.subarray(start, start + pageSize)
    : undefined;
}

/** The node pointers end before the nodes begin, and both are inside the page. */
function isFilledWell(page: Buffer): boolean {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  return lower % 2 === 0 && lower <= upper && PAGE_HEADER + upper <= page.length;
}

/** `undefined` when the file ends before so many bytes. */
function readAt(descriptor: number, position: number, length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafeSlow(length);
  return fill(descriptor, position, bytes) === length ? bytes : undefined;
}

/** How many bytes the file had; nobody sees what was in the others before. */
function fill(descriptor: number, position: number, bytes: Buffer): number {
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSync(descriptor, bytes, filled, bytes.length - filled, position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}
