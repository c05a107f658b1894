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

/** Called for every readable entry of the ledger's tree, in no order that counts. The bytes are overwritten by the next page: keep copies. */
export type VisitEntry = (key: Buffer, value: Buffer) => void;

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
      seen: new Set(),
      buffers: [],
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
  readonly seen: Set<number>;
  /** One page for each level of the tree: a page is done with before the next of its level is read. */
  readonly buffers: Buffer[];
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
  const entries = checkPage(walk, tree.root, Math.min(tree.depth, MAX_DEPTH), visit);
  if (walk.faults.length === before && BigInt(entries) !== tree.entries) {
    walk.faults.push(`${name}: ${entries} entries where ${tree.entries} are recorded`);
  }
}

/** Checks a page and what is under it; `levels` counts down to 1 at the leaves. Answers with the number of entries seen. */
function checkPage(walk: Walk, number: bigint, levels: number, visit: VisitEntry): number {
  const buffer = (walk.buffers[levels] ??= Buffer.allocUnsafeSlow(walk.pageSize));
  const page = takePage(walk, number, levels === 1 ? P_LEAF : P_BRANCH, buffer);
  if (page === undefined) return 0;
  const count = page.readUInt16LE(20) >>> 1;
  let entries = 0;
  for (let index = 0; index < count; index++) {
    const start = PAGE_HEADER + page.readUInt16LE(PAGE_HEADER + 2 * index);
    const keyEnd =
      start +
      NODE_HEADER +
      (start + NODE_HEADER <= page.length ? page.readUInt16LE(start + 6) : page.length);
    if (start < PAGE_HEADER + 2 * count || keyEnd > page.length)
      walk.faults.push(`page ${number}: node ${index} leaves the page`);
    else if (levels > 1) entries += checkPage(walk, branchTarget(page, start), levels - 1, visit);
    else {
      const value = leafValue(walk, page, start, keyEnd);
      if (value === undefined)
        walk.faults.push(`page ${number}: value of node ${index} cannot be read`);
      else {
        entries++;
        visit(page.subarray(start + NODE_HEADER, keyEnd), value);
      }
    }
  }
  return entries;
}

function branchTarget(page: Buffer, start: number): bigint {
  return BigInt(page.readUInt32LE(start)) + (BigInt(page.readUInt16LE(start + 4)) << 32n);
}

/** The value of a leaf's node: behind its key, or on overflow pages of its own. */
function leafValue(walk: Walk, page: Buffer, start: number, keyEnd: number): Buffer | undefined {
  const length = page.readUInt32LE(start);
  const flags = page.readUInt16LE(start + 4);
  if (flags === 0)
    return keyEnd + length <= page.length ? page.subarray(keyEnd, keyEnd + length) : undefined;
  if (flags !== F_BIGDATA || keyEnd + 8 > page.length) return undefined;
  const number = page.readBigUInt64LE(keyEnd);
  const first = takePage(walk, number, P_OVERFLOW, Buffer.allocUnsafeSlow(walk.pageSize));
  if (first === undefined) return undefined;
  const pages = first.readUInt32LE(20);
  if (PAGE_HEADER + length > pages * walk.pageSize || Number(number) + pages > walk.pages)
    return undefined;
  return readAt(walk.descriptor, Number(number) * walk.pageSize + PAGE_HEADER, length);
}

/** Reads a page of the wanted kind that nothing else points to; notes the fault and answers `undefined` otherwise. */
function takePage(walk: Walk, number: bigint, kind: number, into: Buffer): Buffer | undefined {
  const at = Number(number);
  const page =
    at >= 2 && at < walk.pages ? fill(walk.descriptor, at * walk.pageSize, into) : undefined;
  if (page === undefined) walk.faults.push(`page ${number} is not in the file`);
  else if (walk.seen.has(at)) walk.faults.push(`page ${number} is used twice`);
  else if (page.readBigUInt64LE(0) !== number || page.readUInt16LE(18) !== kind)
    walk.faults.push(`page ${number} is not of its kind`);
  else if (kind !== P_OVERFLOW && !isFilledWell(page))
    walk.faults.push(`page ${number} overlaps itself`);
  else {
    walk.seen.add(at);
    return page;
  }
  return undefined;
}

/** The node pointers end before the nodes begin, and both are inside the page. */
function isFilledWell(page: Buffer): boolean {
  const lower = page.readUInt16LE(20);
  const upper = page.readUInt16LE(22);
  return lower % 2 === 0 && lower <= upper && PAGE_HEADER + upper <= page.length;
}

function readAt(descriptor: number, position: number, length: number): Buffer | undefined {
  return fill(descriptor, position, Buffer.allocUnsafeSlow(length));
}

/** `undefined` when the file ends before `bytes` is full: nobody sees what was in it before. */
function fill(descriptor: number, position: number, bytes: Buffer): Buffer | undefined {
  let filled = 0;
  while (filled < bytes.length) {
    const count = readSync(descriptor, bytes, filled, bytes.length - filled, position + filled);
    if (count === 0) return undefined;
    filled += count;
  }
  return bytes;
}
