// The four ways in which a command shows its answer.

import { Option } from "commander";
import { stringify } from "yaml";

export const formats = ["table", "wide", "json", "yaml"] as const;
export type Format = (typeof formats)[number];

export const outputOption = (): Option =>
  new Option("-o, --output <format>", "how the answer is shown").choices(formats).default("table");

/** The format of a command's options; commander has checked the choice. */
export const formatOf = (options: { readonly output?: unknown }): Format =>
  formats.find((format) => format === options.output) ?? "table";

/** `data` for programs, or the text that `people` makes of it. */
export function render(format: Format, data: unknown, people: (wide: boolean) => string): string {
  switch (format) {
    case "json":
      return `${JSON.stringify(data, undefined, 2)}\n`;
    case "yaml":
      return stringify(data);
    case "table":
      return people(false);
    case "wide":
      return people(true);
    default:
      return format satisfies never;
  }
}
