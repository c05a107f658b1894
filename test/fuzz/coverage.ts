// Which parts of the code under test have run so far, from V8's precise coverage.

import { Session } from "node:inspector/promises";
import type { Profiler } from "node:inspector";

export interface Coverage extends Disposable {
  /** Whether code ran since the last look that had not run before. */
  grew(): Promise<boolean>;
  /** Bytes of source that have run. */
  covered(): number;
}

/** Follows the modules whose URL contains one of these texts. */
export async function followCoverage(parts: readonly string[]): Promise<Coverage> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.startPreciseCoverage", { callCount: false, detailed: true });
  const ran = new Map<string, Uint8Array>();
  let total = 0;
  return {
    async grew() {
      const { result } = await session.post("Profiler.takePreciseCoverage");
      let more = 0;
      for (const script of result)
        if (parts.some((part) => script.url.includes(part))) more += add(ran, script);
      total += more;
      return more > 0;
    },
    covered: () => total,
    [Symbol.dispose]: () => session.disconnect(),
  };
}

/** Adds what this look saw of one script and tells how many bytes of it are new. */
function add(ran: Map<string, Uint8Array>, script: Profiler.ScriptCoverage): number {
  const end = Math.max(0, ...script.functions.flatMap(({ ranges }) => ranges[0]?.endOffset ?? 0));
  const known = ran.get(script.url) ?? new Uint8Array(end);
  ran.set(script.url, known);
  const seen = new Uint8Array(known.length);
  // Ranges come from the outside in: an inner one overrides what surrounds it.
  for (const { ranges } of script.functions)
    for (const { startOffset, endOffset, count } of ranges)
      seen.fill(count > 0 ? 1 : 0, startOffset, endOffset);
  let more = 0;
  for (const [at, now] of seen.entries()) {
    if (now === 0 || known[at] === 1) continue;
    known[at] = 1;
    more += 1;
  }
  return more;
}
