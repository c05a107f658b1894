// The ledger's file under torture keeps exactly what a power cut would keep of it.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "#test/netns/temporary.ts";
import { PRELOAD, buildPreload } from "./synced-file.ts";

it("holds what was synced and nothing that was only written", async () => {
  await using folder = await temporaryFolder();
  buildPreload();
  const told = execFileSync(
    process.execPath,
    [join(import.meta.dirname, "synced-probe.ts"), join(folder.path, "file")],
    { encoding: "utf8", env: { ...process.env, LD_PRELOAD: PRELOAD } },
  );
  expect(told.trim().split("\n")).toEqual([
    'written: ""',
    'synced: "written "',
    'written behind it: "written "',
    'written through a descriptor that syncs: "Written "',
    'all synced: "Written again "',
    'a child after them ended by itself: "Written again "',
  ]);
});
