// Who calls: tokens that the metadata server gave out, their scopes, and what the service account may do.

import { randomBytes } from "node:crypto";
import { forbidden, insufficientScopes, unauthenticated } from "./errors.ts";
import { SCOPE_CLOUD_PLATFORM, SCOPE_COMPUTE, SCOPE_COMPUTE_READONLY } from "./scenario.ts";

interface Token {
  readonly scopes: readonly string[];
  readonly expires: number;
}

/** Tokens that are remembered; the oldest go first. */
const MAX_TOKENS = 10_000;

export class Identity {
  readonly #tokens = new Map<string, Token>();
  readonly #granted: Map<string, Set<string>>;
  readonly #now: () => number;

  constructor(permissions: Readonly<Record<string, readonly string[]>>, now: () => number) {
    this.#granted = new Map(
      Object.entries(permissions).map(([project, names]) => [project, new Set(names)]),
    );
    this.#now = now;
  }

  /** A token for so many seconds. */
  issue(scopes: readonly string[], seconds: number): string {
    const token = `ya29.c.${randomBytes(24).toString("base64url")}`;
    this.#tokens.set(token, { scopes, expires: this.#now() + seconds * 1_000 });
    const [oldest] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS && oldest !== undefined) this.#tokens.delete(oldest);
    return token;
  }

  /** No token that was given out is good any more. */
  revoke(): void {
    this.#tokens.clear();
  }

  grant(project: string, permission: string): void {
    const granted = this.#granted.get(project) ?? new Set<string>();
    this.#granted.set(project, granted.add(permission));
  }

  deny(project: string, permission: string): void {
    this.#granted.get(project)?.delete(permission);
  }

  may(project: string, permission: string): boolean {
    return this.#granted.get(project)?.has(permission) ?? false;
  }

  /** Throws unless the header carries a living token whose scopes allow the call. */
  authenticate(authorization: string | undefined, method: string, reading: boolean): void {
    const token = /^Bearer (\S+)$/i.exec(authorization ?? "")?.[1];
    const known = token === undefined ? undefined : this.#tokens.get(token);
    if (known === undefined || known.expires <= this.#now())
      throw unauthenticated(authorization !== undefined);
    const enough = [
      SCOPE_CLOUD_PLATFORM,
      SCOPE_COMPUTE,
      ...(reading ? [SCOPE_COMPUTE_READONLY] : []),
    ];
    if (!known.scopes.some((scope) => enough.includes(scope))) throw insufficientScopes(method);
  }

  /** Throws unless the service account has the permission in the project; `resource` begins with `projects/`. */
  authorize(permission: string, resource: string): void {
    const project = resource.split("/")[1] ?? "";
    if (!this.may(project, permission)) throw forbidden(permission, resource);
  }
}
