// The guest agent's configuration text: one key set in place and put back, everything else left as it is.

const SECTION = "IpForwarding";
const KEY = "ip_aliases";

/** What setting the key replaced; enough to undo it to the byte. */
export interface Replaced {
  /** The line that was there; undefined when the key was absent. */
  readonly line: string | undefined;
  /** Whether the section was there. */
  readonly section: boolean;
}

interface Place {
  /** Index of the section's header; undefined when there is none. */
  readonly header: number | undefined;
  /** Index of the key's line, the last one when it is repeated, since that one counts. */
  readonly line: number | undefined;
}

/** Whether the text turns the agent's routes for alias ranges off. */
export function routesAreOff(text: string): boolean {
  const lines = text.split("\n");
  const value = /=\s*(.*?)\s*$/.exec(lines[find(lines).line ?? -1] ?? "")?.[1];
  return /^(false|f|0|no|n|off)$/i.test(value ?? "");
}

/** Turns them off. */
export function turnOff(text: string): { readonly text: string; readonly replaced: Replaced } {
  const lines = text.split("\n");
  const { header, line } = find(lines);
  const setting = `${KEY} = false`;
  if (line !== undefined) {
    const before = lines[line];
    lines[line] = setting;
    return { text: lines.join("\n"), replaced: { line: before, section: true } };
  }
  if (header !== undefined) lines.splice(header + 1, 0, setting);
  else lines.splice(endOf(lines), 0, `[${SECTION}]`, setting);
  return {
    text: lines.join("\n"),
    replaced: { line: undefined, section: header !== undefined },
  };
}

/** Undoes {@link turnOff}; a text in which the key is no longer off stays as it is. */
export function turnBack(text: string, replaced: Replaced): string {
  if (!routesAreOff(text)) return text;
  const lines = text.split("\n");
  const { header, line } = find(lines);
  if (line === undefined) return text;
  if (replaced.line !== undefined) lines[line] = replaced.line;
  else {
    lines.splice(line, 1);
    const next = header === undefined ? "" : (lines[header + 1] ?? "[");
    const empty = header === line - 1 && (/^\s*\[/.test(next) || next === "");
    if (!replaced.section && empty && header !== undefined) lines.splice(header, 1);
  }
  return lines.join("\n");
}

/** Before the empty text behind the last line feed. */
const endOf = (lines: readonly string[]): number =>
  lines.at(-1) === "" ? lines.length - 1 : lines.length;

/** Names are compared as the agent does: without regard to case. */
function find(lines: readonly string[]): Place {
  let inside = false;
  let header: number | undefined;
  let found: number | undefined;
  for (const [index, line] of lines.entries()) {
    const section = /^\s*\[([^\]]*)\]/.exec(line)?.[1];
    if (section !== undefined) {
      inside = section.trim().toLowerCase() === SECTION.toLowerCase();
      if (inside) header = index;
    } else if (inside && /^\s*([^#;=]+?)\s*=/.exec(line)?.[1]?.toLowerCase() === KEY) found = index;
  }
  return { header, line: found };
}
