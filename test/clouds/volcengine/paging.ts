// Pages of a list: by number and size, or by token; ten entries when neither is asked for.

import { VolcengineError } from "./errors.ts";
import type { ParameterTable, Parameters } from "./parameters.ts";

export const DEFAULT_PAGE = 10;
export const MAX_PAGE = 100;

export const numberedPages = {
  PageNumber: "count",
  PageSize: "count",
} as const satisfies ParameterTable;
export const tokenPages = {
  NextToken: "text",
  MaxResults: "count",
} as const satisfies ParameterTable;

export interface Page<Entry> {
  readonly entries: readonly Entry[];
  /** The fields that go beside the list. */
  readonly fields: Readonly<Record<string, number | string>>;
}

/** A token means a place in the list of one action, so that one that was made up is refused. */
const tokenPrefix = "page-";

export function pageOf<Entry>(all: readonly Entry[], parameters: Parameters): Page<Entry> {
  const byNumber =
    parameters.text("PageNumber") !== undefined || parameters.text("PageSize") !== undefined;
  const token = parameters.text("NextToken");
  const byToken = token !== undefined || parameters.text("MaxResults") !== undefined;
  if (byNumber && byToken)
    throw new VolcengineError(
      "InvalidParameter",
      "PageNumber and PageSize exclude NextToken and MaxResults.",
    );
  const size = within("PageSize", parameters.count("PageSize") ?? DEFAULT_PAGE);
  if (!byToken) {
    const number = parameters.count("PageNumber") ?? 1;
    if (number < 1) throw new VolcengineError("InvalidParameter", "PageNumber begins with 1.");
    return {
      entries: all.slice((number - 1) * size, number * size),
      fields: { PageNumber: number, PageSize: size, TotalCount: all.length },
    };
  }
  const most = within("MaxResults", parameters.count("MaxResults") ?? DEFAULT_PAGE);
  const start = token === undefined ? 0 : placeOf(token);
  const next = start + most < all.length ? `${tokenPrefix}${start + most}` : "";
  return {
    entries: all.slice(start, start + most),
    fields: { NextToken: next, TotalCount: all.length },
  };
}

function within(name: string, size: number): number {
  if (size < 1 || size > MAX_PAGE)
    throw new VolcengineError(
      "InvalidParameter",
      `${name} ${size} is not between 1 and ${MAX_PAGE}.`,
    );
  return size;
}

function placeOf(token: string): number {
  const place = Number(token.slice(tokenPrefix.length));
  if (!token.startsWith(tokenPrefix) || !Number.isInteger(place))
    throw new VolcengineError(
      "InvalidParameter",
      `NextToken ${token} was not given by this action.`,
    );
  return place;
}
