// The CNI errors that the plugin gives by itself (CNI spec, "Error"), and how they are worded.

/** Codes of the CNI spec that the plugin uses itself; 999 is libcni's for internal errors. */
export const CODE = {
  environment: 4,
  io: 5,
  conf: 7,
  tryAgain: 11,
  unavailable: 50,
  internal: 999,
} as const;

export type Code = (typeof CODE)[keyof typeof CODE];

/** Spec versions whose results the broker can shape, oldest first. */
export const SUPPORTED_VERSIONS = [
  "0.1.0",
  "0.2.0",
  "0.3.0",
  "0.3.1",
  "0.4.0",
  "1.0.0",
  "1.1.0",
] as const;
/** Used where the configuration names no version. */
export const NEWEST_VERSION = "1.1.0";

/** A failure in three sentences: what happened, why and to which thing, and the next step. */
export interface Failure {
  code: Code;
  message: string;
  details: string;
  hint: string;
}

/** The error object for standard output, ended by a newline. */
export function errorText(
  failure: Failure,
  cniVersion: string | undefined,
  command: string,
): string {
  const soften = command === "DEL" ? withoutGoneWords : (text: string): string => text;
  const details = [failure.details, failure.hint === "" ? "" : `Hint: ${failure.hint}`]
    .filter((part) => part !== "")
    .join(" ");
  const body = {
    cniVersion: cniVersion ?? NEWEST_VERSION,
    code: failure.code,
    msg: soften(failure.message),
    details: soften(details),
  };
  return `${JSON.stringify(body)}\n`;
}

/** The answer to VERSION. */
export function versionText(cniVersion: string | undefined): string {
  return `${JSON.stringify({ cniVersion: cniVersion ?? NEWEST_VERSION, supportedVersions: SUPPORTED_VERSIONS })}\n`;
}

/** What a person sees who runs the plugin by hand. */
export function aboutText(version: string): string {
  return (
    `cocoon-ipam ${version}: CNI IPAM plugin of cocoon-net; it hands each call to the node's broker (cocoon-net daemon)\n` +
    `CNI protocol versions supported: ${SUPPORTED_VERSIONS.join(", ")}\n`
  );
}

/**
 * go-cni takes a failed DEL whose text says that something is absent in these words for a success and never
 * repeats it; paths and the broker's own texts may contain them.
 */
function withoutGoneWords(text: string): string {
  return GONE_WORDS.reduce((softened, words) => replaceAnyCase(softened, words, "missing"), text);
}

const GONE_WORDS = ["no such file or directory", "no such file", "not found"] as const;

function replaceAnyCase(text: string, words: string, by: string): string {
  let result = "";
  let at = 0;
  const lower = text.toLowerCase();
  if (lower.length !== text.length) return replaceAnyCase(lower, words, by);
  for (let found = lower.indexOf(words); found >= 0; found = lower.indexOf(words, at)) {
    result += text.slice(at, found) + by;
    at = found + words.length;
  }
  return result + text.slice(at);
}
