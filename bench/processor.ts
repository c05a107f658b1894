// How much of the processors' time a process has used: the figure that a busy machine changes least.

import { readFile } from "node:fs/promises";

/** Clock ticks a second in /proc/<pid>/stat (USER_HZ). */
const TICKS_PER_SECOND = 100;

/** User and system time of all threads of a process (proc(5), fields 14 and 15 of stat). */
export async function processorSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
