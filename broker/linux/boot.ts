// Which boot of the machine this is.

import { readFileSync } from "node:fs";

/** The kernel's random identity of the current boot (proc(5)), as it appears in plugin stamps. */
export const readBootId = (): string =>
  readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
