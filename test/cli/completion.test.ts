// The completion scripts in real shells: keys are typed, and what the shell makes of them is run.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildProgram } from "#cli/program.ts";
import { programShape, spellings } from "#cli/completion/shape.ts";
import { attempt, run } from "#test/netns/process.ts";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { runCommand } from "./run-command.ts";

const shells = ["bash", "zsh", "fish"] as const;
/** Stands for the command, and shows what it was given. */
const STAND_IN = `cocoon-net() { printf 'ran<%s>\\n' "$*"; }\n`;
const undo = new AsyncDisposableStack();
let folder: string;
const scriptOf = (shell: string) => join(folder, `completion.${shell}`);

beforeAll(async () => {
  folder = undo.use(await temporaryFolder()).path;
  await mkdir(join(folder, "files/only-this"), { recursive: true });
  for (const shell of shells) {
    const { code, out, err } = await runCommand(["completion", shell]);
    expect([code, err]).toEqual([0, ""]);
    await writeFile(scriptOf(shell), out);
  }
});
afterAll(() => undo.disposeAsync());

/** What was typed, keys as they are, and what ran. */
const lines = (): readonly (readonly [typed: string, ran: string])[] => [
  ["sta\t", "status"],
  ["doc\t--no-c\t", "doctor --no-cloud"],
  ["sta\t--out\tjs\t", "status --output json"],
  ["status -o y\t", "status -o yaml"],
  ["init --plat\tvol\t", "init --platform volcengine"],
  ["daemon --durab\trel\t", "daemon --durability relaxed"],
  ["completion f\t", "completion fish"],
  [`doctor --state-d\t${folder}/files/on\t`, `doctor --state-dir ${folder}/files/only-this/`],
];

describe("bash", () => {
  const type = async (keys: string): Promise<string> => {
    const bash = ["env", "-i", "PATH=/usr/bin:/bin", "TERM=dumb", "bash", "--norc", "--noprofile"];
    const input = `${STAND_IN}source ${scriptOf("bash")}\n${keys}\nexit\n`;
    return (await attempt([...bash, "-i"], { input })).stdout;
  };

  test("completes commands, flags, choices and paths", async () => {
    const keys = lines().map(([typed]) => `cocoon-net ${typed}`);
    expect(await type(keys.join("\n"))).toBe(
      lines()
        .map(([, ran]) => `ran<${ran}>\n`)
        .join(""),
    );
  });

  test("completes a value behind an equals sign", async () => {
    expect(await type("cocoon-net init --platform=vol\t")).toBe(
      "ran<init --platform=volcengine>\n",
    );
  });

  test("offers nothing where anything may stand", async () => {
    expect(await type("cocoon-net init --node-name \t")).toBe("ran<init --node-name>\n");
  });
});

test.each([0, 2, 4, 6])("zsh completes line %i", async (index) => {
  const [typed, ran] = lines()[index] ?? ["", ""];
  const start = `PS1=; autoload -Uz compinit; compinit -u -D; source ${scriptOf("zsh")}; ${STAND_IN.trim()}`;
  const program = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell ${JSON.stringify(start).replaceAll("$", "\\$")}
zpty -w -n shell $'cocoon-net ${typed.replaceAll("\t", "\\t")}\\n'
zpty -r shell out '*ran<[a-z]*>*'
print -r -- "$out"`;
  expect(await run(["zsh", "-f", "-c", program])).toContain(`ran<${ran}`);
});

test.each([
  ["sta", ["status"]],
  ["status --outp", ["--output"]],
  ["status --output ", ["json", "table", "wide", "yaml"]],
  ["init --platform ", ["gke", "local", "volcengine"]],
  ["completion ", ["bash", "fish", "zsh"]],
  ["init --node-name ", []],
])("fish completes %j", async (typed, words) => {
  const program = `source ${scriptOf("fish")}; complete -C ${JSON.stringify(`cocoon-net ${typed}`)}`;
  const out = await run(["fish", "--no-config", "-c", program]);
  const offered = out.split("\n").flatMap((line) => line.split("\t")[0] || []);
  expect(offered.toSorted()).toEqual(words);
});

test("every command and every flag is in every script", async () => {
  const unused = () => {
    throw new Error("the shape of the program needs none of this");
  };
  const terminal = { out: unused, err: unused, colour: unused, progress: unused };
  const program = buildProgram({
    terminal,
    now: unused,
    config: unused,
    client: unused,
    interrupted: unused,
    exit: unused,
  });
  const { commands } = programShape(program);
  expect(commands.map(({ name }) => name)).toEqual(program.commands.map((one) => one.name()));
  for (const shell of shells) {
    const { out } = await runCommand(["completion", shell]);
    for (const { name, flags } of commands)
      for (const word of [name, ...flags.flatMap(spellings)])
        expect(out, `${shell}: ${name}`).toContain(word.replace(/^--?/, ""));
  }
});

test("a shell that there is no script for", async () => {
  expect(await runCommand(["completion", "tcsh"])).toMatchObject({
    code: 2,
    err: expect.stringContaining("Allowed choices are bash, zsh, fish"),
  });
});
