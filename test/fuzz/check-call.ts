// What must hold for any CNI call whatever that is read, before anybody acts on it.

import { ok } from "node:assert/strict";
import { readCall } from "#broker/cni/call.ts";
import { CniFailure } from "#broker/cni/failure.ts";
import { parseJsonObject } from "#broker/cni/netconf.ts";
import type { Call } from "./confs.ts";

const STAMP = { bootId: "11111111-2222-3333-4444-555555555555", boottime: "1" };
/** The longest part of an error that may be the caller's own words. */
const MAX_TOLD = 8_192;

/** Throws when a promise is broken; otherwise whether the conf got past the first check, that of its form. */
export function checkCall({ env, stdin }: Call): boolean {
  const read = readCall({ version: "0.1.0", env, stdin, stamp: STAMP });
  ok(read.verb !== "ADD" || read.network !== "", "an ADD for no network");
  if (read.verb === "refused") {
    ok(read.failure.message !== "", "refused without a word");
    ok(read.failure.details.length <= MAX_TOLD, "refused with the caller's whole conf");
  } else if ("containerId" in read) ok(read.containerId !== "", `${read.verb} of no container`);
  return !(parseJsonObject(stdin) instanceof CniFailure);
}
