// The dns part of a result: what the runtime asked for, what the conf says, or what a resolv.conf file says.

import type { Netconf } from "./netconf.ts";

/** The spec's `dns` object; empty parts are left out. */
export interface Dns {
  readonly nameservers?: readonly string[];
  readonly domain?: string;
  readonly search?: readonly string[];
  readonly options?: readonly string[];
}

/** Longest resolv.conf that is looked at, in UTF-16 units. */
export const MAX_RESOLV_CONF = 65_536;

/**
 * The narrowest source wins as a whole: runtimeConfig.dns (this container), ipam.dns, the file ipam.resolvConf (host-local's
 * only source), and the conf's own `dns`. `resolvConf` is the file's text where the conf names one.
 */
export function chooseDns(conf: Netconf, resolvConf: string | undefined): Dns {
  const asked = conf.runtimeConfig?.dns;
  const sources: readonly Dns[] = [
    dns({ nameservers: asked?.servers, search: asked?.searches, options: asked?.options }),
    dns(conf.ipam.dns ?? {}),
    resolvConf === undefined ? {} : parseResolvConf(resolvConf),
    dns(conf.dns ?? {}),
  ];
  return sources.find((source) => Object.keys(source).length > 0) ?? {};
}

/** resolv.conf(5): `nameserver`, `search` and `options` lines accumulate, the last `domain` counts, `;` and `#` begin comments. */
export function parseResolvConf(text: string): Dns {
  const nameservers: string[] = [];
  const search: string[] = [];
  const options: string[] = [];
  let domain = "";
  for (const line of text.split("\n")) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === "nameserver" && values[0] !== undefined) nameservers.push(values[0]);
    else if (keyword === "domain" && values[0] !== undefined) domain = values[0];
    else if (keyword === "search") search.push(...values);
    else if (keyword === "options") options.push(...values);
  }
  return dns({ nameservers, domain, search, options });
}

type Maybe<Value> = Value | null | undefined;

function dns(parts: {
  readonly nameservers?: Maybe<readonly string[]>;
  readonly domain?: Maybe<string>;
  readonly search?: Maybe<readonly string[]>;
  readonly options?: Maybe<readonly string[]>;
}): Dns {
  return {
    ...(parts.nameservers?.length ? { nameservers: parts.nameservers } : {}),
    ...(parts.domain ? { domain: parts.domain } : {}),
    ...(parts.search?.length ? { search: parts.search } : {}),
    ...(parts.options?.length ? { options: parts.options } : {}),
  };
}
