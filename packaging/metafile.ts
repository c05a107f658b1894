// What esbuild says of a bundle: what went into it, and which files came out.

/** Paths of the sources, from the project's root. */
export const inputsOf = (metafile: string): readonly string[] => keysOf(metafile, "inputs");

/** Paths of the files that were written, source maps included, from the project's root. */
export const outputsOf = (metafile: string): readonly string[] => keysOf(metafile, "outputs");

function keysOf(metafile: string, field: "inputs" | "outputs"): readonly string[] {
  const parsed: unknown = JSON.parse(metafile);
  if (typeof parsed !== "object" || parsed === null || !(field in parsed))
    throw new Error("not a metafile of esbuild");
  const found: unknown = Object.getOwnPropertyDescriptor(parsed, field)?.value;
  return Object.keys(Object(found));
}
