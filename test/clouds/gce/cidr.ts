// IPv4 ranges as the fake cloud compares them; apart from the product's own arithmetic, so that neither hides the other's faults.

/** First and last address as numbers, and the prefix length. */
export interface Cidr {
  readonly first: number;
  readonly last: number;
  readonly length: number;
}

/** Reads `a.b.c.d/n`, or `a.b.c.d` as a /32; undefined when it is malformed or has bits set behind the prefix. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\/(\d{1,2}))?$/.exec(text);
  if (match === null) return undefined;
  const bytes = match.slice(1, 5).map(Number);
  const length = Number(match[5] ?? 32);
  if (bytes.some((byte) => byte > 255) || length > 32) return undefined;
  const first = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  const size = 2 ** (32 - length);
  return first % size === 0 ? { first, last: first + size - 1, length } : undefined;
}

/** As `parseCidr`, for text that was checked before. */
export function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new TypeError(`${text} is not an IPv4 range`);
  return parsed;
}

export const formatCidr = ({ first, length }: Pick<Cidr, "first" | "length">): string =>
  `${[24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join(".")}/${length}`;

export const overlaps = (one: Cidr, other: Cidr): boolean =>
  one.first <= other.last && other.first <= one.last;

export const contains = (outer: Cidr, inner: Cidr): boolean =>
  outer.first <= inner.first && inner.last <= outer.last;
