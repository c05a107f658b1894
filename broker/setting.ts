// What a setting is, and the kinds of value that settings have.

import * as z from "zod/mini";
import { parseIp } from "#core/address.ts";
import { hasHostBits, parsePrefix } from "#core/prefix.ts";

/** The commands that take a setting; `broker` stands for every command that talks to a running broker. */
export const settingUsers = [
  "init",
  "adopt",
  "daemon",
  "status",
  "teardown",
  "conflist",
  "doctor",
  "fsck",
  "install",
  "broker",
] as const;
export type SettingUser = (typeof settingUsers)[number];

/** How a setting is written: a switch takes no value on the command line, a list may be repeated or joined by commas. */
export type SettingKind = "text" | "number" | "switch" | "list";

export interface Setting<Schema extends z.ZodMiniType = z.ZodMiniType> {
  /** Name on the command line without its dashes; absent for what only file and environment can set. */
  readonly flag?: string;
  /** Key in the config file; a dot stands for a nested map. */
  readonly key: string;
  readonly kind: SettingKind;
  readonly schema: Schema;
  readonly meaning: string;
  /** The default in words, where it is not a fixed value. */
  readonly fallback?: string;
  readonly usedBy: readonly SettingUser[];
  /** What a value looks like, for help texts. */
  readonly placeholder?: string;
}

export const LIST_LIMIT = 256;

const maximumText = 4096;
export const cidr = z.string().check(
  z.refine((text) => parsePrefix(text) !== undefined, "is not a CIDR such as 10.88.100.0/24"),
  z.refine(
    (text) => parsePrefix(text) === undefined || !hasHostBits(text),
    "has bits set behind its prefix length",
  ),
);
export const address = z
  .string()
  .check(z.refine((text) => parseIp(text) !== undefined, "is not an IP address"));
export const path = z
  .string()
  .check(
    z.refine(
      (text) => text.startsWith("/") && !text.includes("\0") && text.length <= maximumText,
      "is not an absolute path",
    ),
  );
/** IFNAMSIZ - 1 in linux/if.h. */
export const link = z
  .string()
  .check(
    z.refine(
      (text) => /^[^\s/:]{1,15}$/.test(text) && text !== "." && text !== "..",
      "is not the name of a network interface (1 to 15 characters)",
    ),
  );
export const listen = z
  .string()
  .check(
    z.refine(
      (text) => text === "" || parseListen(text) !== undefined,
      "is not [host]:port, for example :9092 or 127.0.0.1:9092",
    ),
  );
export const word = z
  .string()
  .check(
    z.refine(
      (text) => /^[A-Za-z0-9]([A-Za-z0-9._-]{0,251}[A-Za-z0-9])?$/.test(text),
      "is not a name of letters, digits, dots and dashes",
    ),
  );
export const list = <Item extends z.ZodMiniType>(item: Item) =>
  z.array(item).check(z.maxLength(LIST_LIMIT, `has more than ${LIST_LIMIT} items`));
export const whole = (minimum: number, maximum: number) =>
  z
    .number()
    .check(
      z.refine(
        (value) => Number.isInteger(value) && value >= minimum && value <= maximum,
        `is not a whole number from ${minimum} to ${maximum}`,
      ),
    );
export const off = z._default(z.boolean(), false);

/** Environment variable of a setting: `COCOON_NET_` and the flag in capitals. */
export const variableOf = (setting: Setting): string =>
  `COCOON_NET_${setting.key
    .replaceAll(/([a-z])([A-Z])/g, "$1_$2")
    .replaceAll(/[.-]/g, "_")
    .toUpperCase()}`;

/** Reads `[host]:port`; brackets around an IPv6 host; an empty host means every address. */
export function parseListen(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s[\]]*)):([0-9]{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port };
}
