// The metadata server: who this machine is, and the tokens of its service account. Plain HTTP on the link, never by a proxy.

import * as z from "zod/mini";
import { BrokerError } from "#core/errors.ts";
import type { NodeIdentity } from "#provision/journal.ts";
import { plainRequest } from "#provision/plain-http.ts";
import { type RetryLimits, type Timing, retried } from "#provision/retry.ts";
import { CallFailure, classify } from "./failure.ts";

const DEFAULT_HOST = "169.254.169.254";
const PREFIX = "/computeMetadata/v1";
const FLAVOR = "Metadata-Flavor";
const MAX_BODY_BYTES = 64 * 1_024;
const zoneForm = /^projects\/[0-9]+\/zones\/([a-z0-9-]+)$/;
/** Of instances and projects; the latter may have a domain before them. */
const nameForm = /^[a-z][-a-z0-9.:]{0,127}$/;
const macForm = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;

/** `init` without --platform asks every cloud: one that is not there must not hold it up. */
const detection: RetryLimits = {
  calls: 2,
  callDeadline: 900,
  deadline: 1_900,
  firstWait: 50,
  longestWait: 50,
};
/** Where it is known to be, a restart of the metadata server is waited for. */
const reading: RetryLimits = {
  calls: 6,
  callDeadline: 5_000,
  deadline: 40_000,
  firstWait: 200,
  longestWait: 3_000,
};

export interface MetadataOptions {
  /** `host[:port]`, with or without scheme; the link-local address when undefined. */
  readonly host: string | undefined;
  readonly timing: Timing;
  /** Milliseconds that one call may take; smaller bounds stay. */
  readonly callDeadline: number;
}

/** A token, and the moment when it ends in milliseconds since 1970. */
export interface Token {
  readonly value: string;
  readonly expires: number;
}

const tokenSchema = z.object({
  access_token: z.string().check(z.minLength(1), z.maxLength(16_384)),
  expires_in: z.number().check(z.gte(0)),
});

export class Metadata {
  readonly #base: string;
  readonly #options: MetadataOptions;

  constructor(options: MetadataOptions) {
    this.#options = options;
    const host = options.host ?? DEFAULT_HOST;
    this.#base =
      `${/^https?:\/\//.test(host) ? host : `http://${host}`}`.replace(/\/+$/, "") + PREFIX;
  }

  /** Undefined where this is not Google's: nothing there, another cloud's, a captive portal. */
  async identity(signal: AbortSignal): Promise<NodeIdentity | undefined> {
    const place = await this.#get("/instance/zone", detection, signal, zoneForm).catch(
      absentUnlessStopped(signal),
    );
    // The project in it is a number, not the project's ID.
    const zone = zoneForm.exec(place ?? "")?.[1];
    if (zone === undefined) return undefined;
    const [instance, name, project] = await Promise.all([
      this.#required("/instance/id", signal, /^[0-9]+$/),
      this.#required("/instance/name", signal, nameForm),
      this.#required("/project/project-id", signal, nameForm),
    ]);
    return { instance, name, zone, project };
  }

  /** Lower case, with colons. */
  async mac(signal: AbortSignal): Promise<string> {
    const path = "/instance/network-interfaces/0/mac";
    return (await this.#required(path, signal, macForm)).toLowerCase();
  }

  /** OAuth scopes of the default service account; none when the machine has no account. */
  async scopes(signal: AbortSignal): Promise<readonly string[]> {
    const text = await this.#get("/instance/service-accounts/default/scopes", reading, signal);
    return (text ?? "").split(/\s+/).filter((scope) => scope !== "");
  }

  /**
   * With all the scopes that the machine has: asking for one that it has not, or has under a wider name, could be
   * refused. Throws `cloud-denied` when the machine has no service account.
   */
  async token(signal: AbortSignal): Promise<Token> {
    const path = "/instance/service-accounts/default/token";
    const parsed = tokenSchema.safeParse(parseJson(await this.#required(path, signal)));
    if (!parsed.success) throw unavailable("the metadata server's token is not one");
    const { access_token, expires_in } = parsed.data;
    return { value: access_token, expires: this.#options.timing.now() + expires_in * 1_000 };
  }

  async #required(path: string, signal: AbortSignal, form = /[^]/): Promise<string> {
    const text = await this.#get(path, reading, signal, form);
    if (text !== undefined && text !== "") return text;
    if (path.includes("/service-accounts/"))
      throw new BrokerError("cloud-denied", "this machine has no service account", {
        hint: "give the node a service account with the role of packaging/gke-role.yaml, or set GOOGLE_APPLICATION_CREDENTIALS",
      });
    throw unavailable(`the metadata server has no ${path}`);
  }

  /** Undefined for what does not exist. What has another form than expected is asked for again. */
  async #get(
    path: string,
    limits: RetryLimits,
    signal: AbortSignal,
    form = /^/,
  ): Promise<string | undefined> {
    const { timing, callDeadline } = this.#options;
    try {
      return await retried({
        limits: { ...limits, callDeadline: Math.min(limits.callDeadline, callDeadline) },
        timing,
        signal,
        call: (_, limited) => this.#once(path, form, limited),
        classify: (thrown) => classify(thrown, timing),
      });
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof BrokerError) throw thrown;
      const reason = thrown instanceof Error ? thrown.message : String(thrown);
      throw unavailable(`the metadata server did not give ${path}: ${reason}`);
    }
  }

  async #once(path: string, form: RegExp, signal: AbortSignal): Promise<string | undefined> {
    const name = `metadata ${path}`;
    const answer = await plainRequest(this.#base + path, {
      method: "GET",
      headers: { [FLAVOR]: "Google" },
      maxBytes: MAX_BODY_BYTES,
      signal,
    }).catch((thrown: unknown) => {
      throw new CallFailure(name, 0, "network", networkWords(thrown), { cause: thrown });
    });
    const { status, headers } = answer;
    const text = answer.text.trim();
    if (status === 404) return undefined;
    if (status !== 200) throw new CallFailure(name, status, "", `HTTP ${status}`);
    if (headers[FLAVOR.toLowerCase()] !== "Google")
      throw new CallFailure(name, 0, "garbage", "the answer is not from Google's metadata server");
    if (!form.test(text))
      throw new CallFailure(name, 0, "garbage", "the answer has not the form that it should have");
    return text;
  }
}

/** `fetch` says why in its error's cause. */
export function networkWords(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause: unknown = thrown.cause;
  if (!(cause instanceof Error)) return thrown.message;
  const code = "code" in cause && typeof cause.code === "string" ? `${cause.code} ` : "";
  return `${code}${cause.message}`.trim();
}

const absentUnlessStopped = (signal: AbortSignal) => (): undefined => {
  signal.throwIfAborted();
  return undefined;
};

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The schema refuses it, with a message that does not quote what may be a token.
    return undefined;
  }
}

const unavailable = (what: string): BrokerError =>
  new BrokerError("cloud-unavailable", what, {
    hint: "run this on the node itself, in the host's network namespace, then again",
  });
