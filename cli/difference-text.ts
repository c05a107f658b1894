// What pool.json and the cloud disagree about, for people.

import type { Difference } from "#provision/cloud.ts";
import { formatTable } from "./table.ts";

export const differencesInWords = (differences: readonly Difference[]): string =>
  differences.length === 0
    ? "the cloud is as pool.json says\n"
    : `${formatTable(
        ["WHAT", "POOL.JSON", "CLOUD", "NEXT"],
        differences.map(({ what, recorded, found, hint }) => [what, recorded, found, hint]),
      )}`;
