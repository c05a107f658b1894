// A call's parameters as Volcengine wants them: every list flattened to `Key.N` from 1, every name known to the action.

import { VolcengineError } from "./errors.ts";

/** `tags` is `Key.N.Key` with `Key.N.Value`; `filters` is `Key.N.Key` with `Key.N.Values.M`. */
export type ParameterKind = "text" | "count" | "flag" | "list" | "tags" | "filters";
/** A name that ends with `*` must be given. */
export type ParameterTable = Readonly<Record<string, ParameterKind>>;

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}
export interface TagFilter {
  readonly key: string;
  readonly values: readonly string[];
}

/** Entries of one list. */
const MAX_ENTRIES = 100;
/** Parameters that may be empty: they are free text. */
const mayBeEmpty = new Set(["Description"]);

const bad = (message: string) => new VolcengineError("InvalidParameter", message, true);

export class Parameters {
  readonly #table: ParameterTable;
  readonly #values = new Map<string, string>();

  constructor(table: ParameterTable, pairs: Iterable<readonly [string, string]>) {
    this.#table = table;
    for (const [name, value] of pairs) {
      if (this.#values.has(name))
        throw bad(`The parameter ${name} is given more than once: send a list as ${name}.1, ….`);
      this.#checkName(name);
      if (value === "" && !mayBeEmpty.has(name) && !/^Tags\.\d+\.Value$/.test(name))
        throw bad(`The specified parameter ${name} is empty.`);
      this.#values.set(name, value);
    }
    for (const [name, kind] of Object.entries(table)) this.#checkKind(name, kind);
  }

  /** What the log keeps and client tokens compare. */
  entries(): Record<string, string> {
    return Object.fromEntries([...this.#values].toSorted(([one], [two]) => (one < two ? -1 : 1)));
  }

  text(name: string): string | undefined {
    return this.#values.get(name);
  }

  required(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw missing(name);
    return value;
  }

  count(name: string): number | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : Number(value);
  }

  flag(name: string): boolean | undefined {
    const value = this.#values.get(name);
    return value === undefined ? undefined : value.toLowerCase() === "true";
  }

  /** Entries 1, 2, 3, … without a gap. */
  list(name: string): readonly string[] {
    return this.#numbered(name).map((number) => {
      const value = this.#values.get(`${name}.${number}`);
      if (value === undefined) throw bad(`${name}.${number} has the form of something else.`);
      return value;
    });
  }

  tags(name: string): readonly Tag[] {
    return this.#numbered(name).map((number) => ({
      Key: this.required(`${name}.${number}.Key`),
      Value: this.#values.get(`${name}.${number}.Value`) ?? "",
    }));
  }

  filters(name: string): readonly TagFilter[] {
    return this.#numbered(name).map((number) => ({
      key: this.required(`${name}.${number}.Key`),
      values: this.list(`${name}.${number}.Values`),
    }));
  }

  #checkName(name: string): void {
    const root = name.split(".")[0] ?? "";
    const kind = Object.hasOwn(this.#table, root) ? this.#table[root] : this.#table[`${root}*`];
    if (kind === undefined) throw bad(`The parameter ${name} is not known to this action.`);
    const forms: Record<ParameterKind, RegExp> = {
      text: /^\w+$/,
      count: /^\w+$/,
      flag: /^\w+$/,
      list: /^\w+\.[1-9]\d*$/,
      tags: /^\w+\.[1-9]\d*\.(Key|Value)$/,
      filters: /^\w+\.[1-9]\d*\.(Key|Values\.[1-9]\d*)$/,
    };
    if (!forms[kind].test(name))
      throw bad(`The parameter ${name} is malformed: it is a ${kind} and lists are sent as Key.N.`);
  }

  #checkKind(starred: string, kind: ParameterKind): void {
    const name = starred.replace("*", "");
    const value = this.#values.get(name);
    if (kind === "count" && value !== undefined && !/^\d{1,9}$/.test(value))
      throw bad(`The specified parameter ${name} ${value} is not a number.`);
    if (kind === "flag" && value !== undefined && !/^(true|false)$/i.test(value))
      throw bad(`The specified parameter ${name} ${value} is neither true nor false.`);
    if (kind === "list" || kind === "tags" || kind === "filters") this.#numbered(name);
    if (!starred.endsWith("*")) return;
    if (value === undefined && this.#numbered(name).length === 0) throw missing(name);
  }

  #numbered(name: string): readonly number[] {
    const numbers = new Set<number>();
    for (const key of this.#values.keys())
      if (key.startsWith(`${name}.`)) numbers.add(Number(key.slice(name.length + 1).split(".")[0]));
    const sorted = [...numbers].toSorted((one, two) => one - two);
    if (sorted.some((number, index) => number !== index + 1))
      throw bad(`The list ${name} is numbered ${sorted.join(", ")} instead of 1, 2, 3, ….`);
    if (sorted.length > MAX_ENTRIES)
      throw bad(`The list ${name} has more than ${MAX_ENTRIES} entries.`);
    return sorted;
  }
}

const missing = (name: string) =>
  new VolcengineError("MissingParameter", `The required parameter ${name} is missing.`, true);
