// What the test tells the daemon under test, and what that leaves behind when it dies: two small files.

import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Names the folder of the files. */
export const CONTROL_VARIABLE = "CRASH_AT";

export interface Control {
  /** The point at which the daemon is to die, by its name. */
  readonly point?: string;
  /** How far its clock runs ahead of the machine's, in milliseconds. */
  readonly ahead: number;
  /** How far somebody has set the wall clock off, in milliseconds; CLOCK_BOOTTIME does not follow. */
  readonly step?: number;
}

const orders = (folder: string): string => join(folder, "orders");
const lastWords = (folder: string): string => join(folder, "last-words");
const strays = (folder: string): string => join(folder, "strays");

export function readControl(folder: string): Control {
  return JSON.parse(readFileSync(orders(folder), "utf8")) as Control;
}

/** Forgets the last words, too. */
export function writeControl(folder: string, control: Control): void {
  rmSync(lastWords(folder), { force: true });
  writeFileSync(`${orders(folder)}.new`, JSON.stringify(control));
  renameSync(`${orders(folder)}.new`, orders(folder));
}

/** Written by the daemon in the moment in which it kills itself: the point at which it is. */
export function sayLastWords(folder: string, point: string): void {
  writeFileSync(lastWords(folder), point);
}

export function readLastWords(folder: string): string | undefined {
  return existsSync(lastWords(folder)) ? readFileSync(lastWords(folder), "utf8") : undefined;
}

/** Effects that a verb had outside its row of the table, one a line. */
export function noteStray(folder: string, effect: string): void {
  writeFileSync(strays(folder), `${effect}\n`, { flag: "a" });
}

export function readStrays(folder: string): readonly string[] {
  if (!existsSync(strays(folder))) return [];
  return [...new Set(readFileSync(strays(folder), "utf8").trim().split("\n"))];
}
