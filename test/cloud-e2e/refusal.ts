// A command that must fail: with its exit code, its reason, the next step, and without having changed anything.
import { expect } from "vitest";
import type { Output } from "#test/netns/process.ts";
import type { World } from "./world.ts";

export type Refusal = {
  readonly code: number;
  readonly says: RegExp;
  /** The line that begins with `next:`. */
  readonly next: RegExp;
};

export async function expectRefusal(
  world: World,
  output: Output,
  { code, says, next }: Refusal,
): Promise<void> {
  const said = output.stderr;
  expect(output.code, output.stdout + said).toBe(code);
  expect(said).toMatch(says);
  expect(said.split("\n").filter((line) => line.startsWith("next: "))).toEqual([
    expect.stringMatching(next),
  ]);
  expect(await world.fake.changingCalls()).toEqual([]);
  expect(await world.fake.unexpected()).toEqual([]);
}
