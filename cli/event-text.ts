// An event as one line of text, whatever fields it carries.

import type { RecordedEvent } from "#broker/api/contract.ts";

/** For example `lease.bound 10.88.100.7 owner="container web-1 eth0 (cocoon-net)" pool=node`. */
export function describeEvent({
  at: _at,
  event,
  ip,
  owner: _owner,
  ownerText,
  ...fields
}: RecordedEvent): string {
  const named = ownerText === undefined ? fields : { owner: ownerText, ...fields };
  const parts = Object.entries(named).map(
    ([name, value]) =>
      `${name}=${typeof value === "string" && /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value)}`,
  );
  return [event, ...(typeof ip === "string" ? [ip] : []), ...parts].join(" ");
}
