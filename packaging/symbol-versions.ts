// What an ELF file asks of the C and C++ libraries it meets, read from its version needs (.gnu.version_r; gABI, LSB 5 part 10).

/** The newest versions that Ubuntu 22.04, the oldest system we promise to run on, has: glibc 2.35, libstdc++ of GCC 12. */
export const NEWEST_ALLOWED: Readonly<Record<string, string>> = {
  GLIBC: "2.35",
  GLIBCXX: "3.4.30",
  CXXABI: "1.3.13",
  GCC: "12.0.0",
};

const ELF_MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const SECTION_HEADERS_OFFSET = 0x28;
const SECTION_ENTRY_SIZE = 0x3a;
const SECTION_COUNT = 0x3c;
/** SHT_GNU_verneed */
const VERSION_NEEDS = 0x6ffffffe;
/** Bounds the two linked lists of a file that is damaged. */
const MAX_RECORDS = 4_096;

export function isElf(file: Buffer): boolean {
  return file.length >= 64 && file.readUInt32BE(0) === ELF_MAGIC;
}

/** Every version the file needs, such as GLIBC_2.34, sorted; empty for a static executable. */
export function versionNeeds(file: Buffer): string[] {
  if (!isElf(file) || file[4] !== CLASS_64 || file[5] !== LITTLE_ENDIAN) {
    throw new Error("not a 64-bit little-endian ELF file");
  }
  const needs = new Set<string>();
  for (const section of sections(file)) {
    if (section.type !== VERSION_NEEDS) continue;
    const strings = sections(file)[section.link];
    if (strings === undefined) throw new Error("version needs without a string table");
    for (const name of namesNeeded(file, section.offset, strings.offset)) needs.add(name);
  }
  return [...needs].toSorted();
}

/** Those of `needs` that are newer than NEWEST_ALLOWED, or of a family that has no bound. */
export function tooNew(needs: readonly string[]): string[] {
  return needs.filter((need) => {
    // Also refused: GLIBC_ABI_DT_RELR and the like, which have no number and came after 2.35.
    const [, family = "", version = ""] = /^([A-Z]+)_(\d+(?:\.\d+)*)$/.exec(need) ?? [];
    const bound = NEWEST_ALLOWED[family];
    return bound === undefined || compareVersions(version, bound) > 0;
  });
}

/** Positive when `one` is the newer; missing parts count as 0. */
export function compareVersions(one: string, other: string): number {
  const ours = one.split(".").map(Number);
  const theirs = other.split(".").map(Number);
  for (let part = 0; part < Math.max(ours.length, theirs.length); part += 1) {
    const difference = (ours[part] ?? 0) - (theirs[part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

type Section = { type: number; offset: number; link: number };

function sections(file: Buffer): Section[] {
  const table = Number(file.readBigUInt64LE(SECTION_HEADERS_OFFSET));
  const size = file.readUInt16LE(SECTION_ENTRY_SIZE);
  return Array.from({ length: file.readUInt16LE(SECTION_COUNT) }, (_, index) => {
    const header = table + index * size;
    return {
      type: file.readUInt32LE(header + 4),
      offset: Number(file.readBigUInt64LE(header + 24)),
      link: file.readUInt32LE(header + 40),
    };
  });
}

/** Walks Elf64_Verneed records and the Elf64_Vernaux records of each. */
function* namesNeeded(file: Buffer, table: number, strings: number): Generator<string> {
  let record = table;
  for (let records = 0; records < MAX_RECORDS; records += 1) {
    let name = record + file.readUInt32LE(record + 8);
    for (let left = file.readUInt16LE(record + 2); left > 0; left -= 1) {
      const start = strings + file.readUInt32LE(name + 8);
      yield file.toString("latin1", start, file.indexOf(0, start));
      name += file.readUInt32LE(name + 12);
    }
    const next = file.readUInt32LE(record + 12);
    if (next === 0) return;
    record += next;
  }
}
