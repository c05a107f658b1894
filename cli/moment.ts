// Times as people read them: how long ago, or how long until; and RFC 3339 for programs.

import { DAY, HOUR, MINUTE, type Millis, SECOND } from "#core/time.ts";

const units: readonly (readonly [Millis, string])[] = [
  [DAY, "d"],
  [HOUR, "h"],
  [MINUTE, "min"],
  [SECOND, "s"],
];

/** For example `2 h ago`, `in 3 d`, `now`. */
export function relative(moment: Millis, now: Millis): string {
  const text = duration(Math.abs(moment - now));
  if (text === undefined) return "now";
  return moment < now ? `${text} ago` : `in ${text}`;
}

/** RFC 3339 in UTC. */
export const rfc3339 = (moment: Millis): string => new Date(moment).toISOString();

function duration(length: Millis): string | undefined {
  const unit = units.find(([size]) => length >= size);
  return unit === undefined ? undefined : `${Math.floor(length / unit[0])} ${unit[1]}`;
}
