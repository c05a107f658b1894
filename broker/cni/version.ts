// The CNI spec versions that we speak and what each of them allows.

/** All spec versions, oldest first; the order is the order of {@link isAtLeast}. */
export const cniVersions = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof cniVersions)[number];

/** The version of a conf that names none (CNI spec: the field came with 0.2.0). */
export const ABSENT_VERSION: CniVersion = "0.1.0";
/** The version of an error that is told before the caller's version is known. */
export const NEWEST_VERSION: CniVersion = "1.1.0";

export const parseCniVersion = (text: string): CniVersion | undefined =>
  cniVersions.find((version) => version === text);

export const isAtLeast = (version: CniVersion, other: CniVersion): boolean =>
  cniVersions.indexOf(version) >= cniVersions.indexOf(other);

/** What an unsupported version's error says in its details, as libcni words it. */
export function describeVersions(asked: string): string {
  const supported = cniVersions.map((version) => JSON.stringify(version)).join(" ");
  return `config is ${JSON.stringify(asked)}, plugin supports [${supported}]`;
}
