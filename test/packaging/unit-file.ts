// Reads a systemd unit (systemd.syntax(7)), as far as ours uses it: sections, repeated keys, comments, no continuation lines.

export type Unit = ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;

/** Every value of every key, in order, by section. Throws on a line that is neither comment, section nor key. */
export function parseUnit(text: string): Unit {
  const unit = new Map<string, Map<string, string[]>>();
  let section: Map<string, string[]> | undefined;
  for (const line of text.split("\n").map((one) => one.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const head = /^\[(\w+)\]$/.exec(line)?.[1];
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (head !== undefined) {
      section = new Map();
      unit.set(head, section);
    } else if (section !== undefined && key !== undefined && value !== undefined) {
      section.set(key, [...(section.get(key) ?? []), value]);
    } else {
      throw new Error(`not a line of a unit: ${line}`);
    }
  }
  return unit;
}

/** The words of a key that may be given several times; empty when it is absent. */
export function words(settings: ReadonlyMap<string, readonly string[]>, key: string): string[] {
  return (settings.get(key) ?? [])
    .join(" ")
    .split(/\s+/)
    .filter((word) => word !== "");
}
