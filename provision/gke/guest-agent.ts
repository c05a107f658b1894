// Google's guest agent on this machine: its local route for alias ranges is switched off by its own configuration.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, open, realpath, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { BrokerError, toBrokerError } from "#core/errors.ts";
import type { StepOutcome, Run } from "#provision/cloud.ts";
import type { Notes } from "#provision/journal.ts";
import { replaceFile } from "#provision/replace-file.ts";
import { type Replaced, routesAreOff, turnBack, turnOff } from "./instance-config.ts";

/** Read by the agent at its start. */
export const AGENT_CONFIG = "/etc/default/instance_configs.cfg";
const MODE = 0o644;
const MAX_BYTES = 1_048_576;
/** Kept in the journal, whose texts are bounded; a line of this key is much shorter. */
const MAX_LINE = 1_000;
/** Older images run the first, newer ones the second. */
const UNITS = ["google-guest-agent.service", "google-guest-agent-manager.service"];
const UNIT_FOLDERS = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
/** systemd makes it when it runs (sd_booted(3)). */
const SYSTEMD_RUNS = "/run/systemd/system";
const RESTART_DEADLINE = 30_000;

export interface AgentSeen {
  /** Its units on this machine; none: there is no agent. */
  readonly units: readonly string[];
  readonly routesOff: boolean;
}

export interface AgentOptions {
  /** Where the machine's files are; `/` outside tests. */
  readonly root: string;
  /** Restarts units that run; rejects when that failed. */
  readonly restart: (units: readonly string[], signal: AbortSignal) => Promise<void>;
}

/** Restarts what runs, and does not start what does not. */
export async function restartUnits(units: readonly string[], signal: AbortSignal): Promise<void> {
  await promisify(execFile)("systemctl", ["try-restart", ...units], {
    timeout: RESTART_DEADLINE,
    signal,
  });
}

export class GuestAgent {
  readonly #options: AgentOptions;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  async observe(): Promise<AgentSeen> {
    return { units: this.#units(), routesOff: routesAreOff((await this.#read()) ?? "") };
  }

  /** Switches the routes off; what was there before goes to the journal first. Where it cannot, the pool is usable all the same. */
  async turnOff(run: Run): Promise<StepOutcome> {
    const before = await this.#read();
    if (!routesAreOff(before ?? "")) {
      const { text, replaced } = turnOff(before ?? "");
      await run.note(notesOf(replaced, before !== undefined));
      try {
        await this.#write(text);
      } catch (thrown) {
        const { message, hint } = toBrokerError(thrown);
        return {
          kind: "short",
          reason: message,
          hint: `the broker removes the agent's route whenever it comes back; ${hint}`,
        };
      }
    }
    return { kind: "done", notes: await this.#restart(run) };
  }

  /** Puts back what {@link GuestAgent.turnOff} has noted. */
  async turnBack(run: Run, noted: Notes): Promise<StepOutcome> {
    const text = await this.#read();
    const restored = turnBack(text ?? "", replacedOf(noted));
    if (text !== undefined && noted["file"] === "absent" && restored.trim() === "")
      await rm(await this.#path(), { force: true });
    else if (text !== undefined && restored !== text) await this.#write(restored);
    return { kind: "done", notes: await this.#restart(run) };
  }

  #units(): readonly string[] {
    return UNITS.filter((unit) =>
      UNIT_FOLDERS.some((folder) => existsSync(join(this.#options.root, folder, unit))),
    );
  }

  /** The agent obeys a restart only; where it cannot be had, the broker removes the route whenever it comes. */
  async #restart(run: Run): Promise<Notes> {
    const units = this.#units();
    if (units.length === 0 || !existsSync(join(this.#options.root, SYSTEMD_RUNS)))
      return { restart: "not needed" };
    try {
      await this.#options.restart(units, run.signal);
      return { restart: "done" };
    } catch (thrown) {
      run.signal.throwIfAborted();
      const reason = thrown instanceof Error ? thrown.message.trim() : String(thrown);
      run.progress(
        `warning: the guest agent could not be restarted (${reason}); restart ${units.join(" ")} by hand, or reboot`,
      );
      return { restart: "failed" };
    }
  }

  async #read(): Promise<string | undefined> {
    try {
      await using file = await open(join(this.#options.root, AGENT_CONFIG), "r");
      const { size } = await file.stat();
      if (size > MAX_BYTES) throw new RangeError(`it has ${size} bytes, more than ${MAX_BYTES}`);
      return await file.readFile("utf8");
    } catch (thrown) {
      if (thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT") return undefined;
      throw failure("read", thrown);
    }
  }

  async #write(text: string): Promise<void> {
    try {
      const path = await this.#path();
      await mkdir(dirname(path), { recursive: true });
      const mode = await stat(path).then(
        (found) => found.mode & 0o777,
        () => MODE,
      );
      await replaceFile(path, text, mode);
    } catch (thrown) {
      throw failure("write", thrown);
    }
  }

  /** The file itself where its name is a link to it. */
  #path(): Promise<string> {
    const path = join(this.#options.root, AGENT_CONFIG);
    return realpath(path).catch(() => path);
  }
}

const notesOf = ({ line, section }: Replaced, file: boolean): Notes => ({
  file: file ? "present" : "absent",
  section: section ? "present" : "absent",
  ...(line === undefined ? {} : { line: line.slice(0, MAX_LINE) }),
});

function replacedOf(notes: Notes): Replaced {
  const line = notes["line"];
  return {
    line: typeof line === "string" ? line : undefined,
    section: notes["section"] !== "absent",
  };
}

const failure = (action: string, thrown: unknown): BrokerError =>
  new BrokerError(
    "system-failure",
    `cannot ${action} ${AGENT_CONFIG}: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    {
      hint: "run as root; on a read-only root set the metadata attribute disable-address-manager=true instead (docs/gke.md)",
      cause: thrown,
    },
  );
