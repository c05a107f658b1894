// The modules beside the command's bundle: which a build has made, and the removal of all others.

import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { outputsOf } from "./metafile.ts";

/** Names of the files that a build has put into the folder `modules`, by its metafile; none before the first build. */
export function modulesOf(metafile: string, modules: string): readonly string[] {
  if (!existsSync(metafile)) return [];
  return outputsOf(readFileSync(metafile, "utf8"))
    .filter((name) => name.includes(`/${modules}/`))
    .map((name) => basename(name));
}

/** Removes every file of the folder that is not named. */
export function removeOthers(folder: string, kept: readonly string[]): void {
  for (const name of readdirSync(folder).filter((entry) => !kept.includes(entry)))
    rmSync(join(folder, name), { force: true });
}
