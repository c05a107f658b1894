// What adopt needs to know of the machine, read from /proc: links, addresses and the default route.

import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import type { AdoptionFacts } from "./adoption.ts";

/** The calling process's network namespace, as it is now. */
export function readLocalFacts(): Omit<AdoptionFacts, "existing"> {
  return {
    defaultNic: defaultNic(readFileSync("/proc/net/route", "utf8")),
    links: linkNames(readFileSync("/proc/net/dev", "utf8")),
    addresses: Object.entries(networkInterfaces()).flatMap(([nic, addresses]) =>
      (addresses ?? [])
        .filter(({ family }) => family === "IPv4")
        .map(({ address }) => ({ nic, ip: address })),
    ),
  };
}

/** The interface of the default route with the lowest metric, from the text of /proc/net/route. */
export function defaultNic(routes: string): string | undefined {
  const found = routes
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t").map((field) => field.trim()))
    // Columns: Iface Destination Gateway Flags RefCnt Use Metric Mask; the flag RTF_UP is 1.
    .filter(
      (fields) =>
        fields[1] === "00000000" &&
        fields[7] === "00000000" &&
        (Number.parseInt(fields[3] ?? "0", 16) & 1) === 1,
    )
    .toSorted((one, other) => Number(one[6]) - Number(other[6]));
  return found[0]?.[0];
}

/** Names of all links but loopback, from the text of /proc/net/dev. */
export function linkNames(text: string): readonly string[] {
  return text
    .split("\n")
    .slice(2)
    .flatMap((line) => (line.includes(":") ? [line.slice(0, line.indexOf(":")).trim()] : []))
    .filter((name) => name !== "lo");
}
