// Shorter inputs that still fail: whole chunks are left out, ever smaller ones (Zeller and Hildebrandt's ddmin).

/** Inputs tried at most. */
const TRIES = 2_000;

/** The shortest list found of which `fails` still says so; `fails` holds for the whole. */
export function minimize<Item>(
  whole: readonly Item[],
  fails: (items: readonly Item[]) => boolean,
): readonly Item[] {
  let best = whole;
  let tries = 0;
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  )
    for (let at = 0; at < best.length && tries < TRIES;) {
      const rest = [...best.slice(0, at), ...best.slice(at + size)];
      tries += 1;
      if (fails(rest)) best = rest;
      else at += size;
    }
  return best;
}
