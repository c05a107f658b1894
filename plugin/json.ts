// Reads JSON from outside without trusting it: bounded nesting, and values that are looked at before use.

/**
 * QuickJS's JSON.parse recurses on the C stack without a limit of its own; a deeper text would end the process.
 * Real network configurations nest fewer than ten levels.
 */
export const MAX_JSON_DEPTH = 100;

/** The object that the text holds; undefined for other values, for malformed text and for too deep nesting. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  if (mayBeDeep(text) && depthOf(text) > MAX_JSON_DEPTH) return undefined;
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

export function asObject(value: unknown): Record<string, unknown> | undefined {
  return isRecord(value) ? value : undefined;
}

export function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether there are enough brackets, in strings or not, for too deep a nesting: quickly told of a short text. */
function mayBeDeep(text: string): boolean {
  return countOf(text, "{") + countOf(text, "[") > MAX_JSON_DEPTH;
}

/** How often the character is there; counting ends above the depth that is allowed. */
function countOf(text: string, character: string): number {
  let count = 0;
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) {
    count += 1;
    if (count > MAX_JSON_DEPTH) break;
  }
  return count;
}

/** Deepest nesting of brackets outside strings. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (quoted) {
      if (unit === BACKSLASH) index += 1;
      else if (unit === QUOTE) quoted = false;
    } else if (unit === QUOTE) quoted = true;
    else if (unit === OPEN_BRACE || unit === OPEN_BRACKET) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (unit === CLOSE_BRACE || unit === CLOSE_BRACKET) depth -= 1;
  }
  return deepest;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
