// What the harness drives: any IPAM plugin's executable, with a fresh state for each case.

export interface Subject {
  readonly name: string;
  /** Path of the executable. */
  readonly plugin: string;
  /** The spec versions that it must answer to VERSION, oldest first. */
  readonly versions: readonly string[];
  /** Where it departs from the cases on purpose. */
  readonly departures: Readonly<Record<string, Departure>>;
  fresh(): Promise<Sandbox>;
}

/** State of its own: nothing that another sandbox gave away is taken here. */
export interface Sandbox extends AsyncDisposable {
  /** Keys of `ipam` by which the plugin finds that state: its type, its folder or its broker's socket. */
  readonly ipam: Readonly<Record<string, unknown>>;
  /** An empty folder for the case's own files. */
  readonly folder: string;
}

/** A case that the subject answers in another way, and why that is right for it. */
interface Departure {
  readonly why: string;
  /** What it does instead; `undefined` when there is nothing to drive. */
  readonly run?: CaseRun;
}

export type CaseRun = (driver: Driver) => Promise<void>;

export interface Case {
  /** Section and number in the list of cases that we hold ourselves to, for example `2A 1`. */
  readonly id: string;
  readonly title: string;
  /** `outside`: by real processes here. `unit`: a unit test of ours, named in `why`. `no`: not a matter of an IPAM plugin. */
  readonly driven: "outside" | "unit" | "no";
  readonly why: string;
  /** Run for each of the subject's versions, instead of for its newest. */
  readonly eachVersion?: true;
  readonly run?: CaseRun;
}

export interface CniError {
  readonly cniVersion?: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}
export interface Address {
  readonly address: string;
  readonly gateway?: string;
}
export interface Output {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}
/** A call's conf: `ipam` is laid over the sandbox's, everything else over name and version. */
export interface ConfParts {
  readonly ipam?: object;
  readonly [key: string]: unknown;
}
/** Variables over the usual ones; `undefined` removes one. */
export type EnvParts = Readonly<Record<string, string | undefined>>;

/** One case's hand on one subject. */
export interface Driver {
  readonly version: string;
  readonly versions: readonly string[];
  readonly folder: string;
  /** The plugin's run with exactly this stdin: text, or a descriptor to read from. */
  run(command: string, stdin: string | number, env?: EnvParts): Promise<Output>;
  conf(parts?: ConfParts): string;
  /** ADD for a container's eth0 that must succeed. */
  add(container: string, parts?: ConfParts, env?: EnvParts): Promise<Output>;
  /** The addresses of such an ADD, with prefix length. */
  addresses(container: string, parts?: ConfParts, env?: EnvParts): Promise<readonly string[]>;
  /** Any call that must fail; it checks that the error is one of the spec's form. */
  error(
    command: string,
    container: string,
    parts?: ConfParts | string,
    env?: EnvParts,
  ): Promise<CniError>;
  /** ADD by a plugin that is killed after so many milliseconds, as a runtime does at its deadline; it may be done by then. */
  killedAdd(container: string, parts: ConfParts, delay: number): Promise<void>;
  del(container: string, parts?: ConfParts, env?: EnvParts): Promise<void>;
  /** Whether somebody holds the address: asks for it by name, and gives it back. */
  isFree(ip: string, parts: ConfParts): Promise<boolean>;
}
