// Puts the prepared script engine into the plugin's executable, so that a call begins where preparing it ends.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";

/** IMAGE_SECTION in plugin/memory-quickjs.h */
const SECTION = ".engine";
/** What a runtime never asks. */
const PREPARE = "--prepare";
const MAX_IMAGE_BYTES = 4 * 1024 * 1024;
/** A processor without the newer instructions, as glibc's tunables describe one. */
const PLAIN_PROCESSOR = {
  GLIBC_TUNABLES:
    "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX2,-AVX,-FMA,-BMI2,-SSE4_2,-SSE4_1,-SSSE3,-ERMS",
};

/**
 * An executable without an image writes to standard output what its memory holds when the engine is ready for a call;
 * that becomes a section of the file. Linked statically, it finds everything at the same address in each process.
 * `image` is a file that this may leave behind. Throws when two images differ, or the result does not serve.
 */
export function keepPreparedEngine(executable: string, image: string): void {
  const made = prepare(executable, {});
  // What differs in another process, or on a processor for which the C library chooses other functions, would be wrong there.
  if (!made.equals(prepare(executable, PLAIN_PROCESSOR)))
    throw new Error(`${executable}: the prepared engine is not the same twice`);
  fs.writeFileSync(image, made);
  execFileSync("objcopy", ["--update-section", `${SECTION}=${image}`, executable], {
    stdio: ["ignore", "inherit", "inherit"],
  });
  // Asked for its versions a plugin reads no input.
  execFileSync(executable, {
    stdio: ["ignore", "ignore", "inherit"],
    env: { CNI_COMMAND: "VERSION" },
  });
}

function prepare(executable: string, env: Record<string, string>): Buffer {
  return execFileSync(executable, [PREPARE], {
    stdio: ["ignore", "pipe", "inherit"],
    env,
    maxBuffer: MAX_IMAGE_BYTES,
  });
}
