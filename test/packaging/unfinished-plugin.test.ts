// A native plugin whose script engine was never prepared tells so: a runtime must not take its DEL for done.

import { execFileSync, spawnSync } from "node:child_process";
import { statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "#test/netns/temporary.ts";

const DIST = resolve(import.meta.dirname, "../../dist");

test("is refused at every verb, in CNI's form", async () => {
  await using folder = await temporaryFolder();
  const image = join(folder.path, "image");
  const plugin = join(folder.path, "cocoon-ipam");
  // As it was linked: the section is there and nothing is in it.
  writeFileSync(image, Buffer.alloc(statSync(join(DIST, "parts/engine-image")).size));
  execFileSync("objcopy", [
    "--update-section",
    `.engine=${image}`,
    join(DIST, "cocoon-ipam"),
    plugin,
  ]);
  for (const verb of ["ADD", "DEL", "VERSION"]) {
    const { status, stdout, stderr } = spawnSync(plugin, {
      env: { CNI_COMMAND: verb },
      encoding: "utf8",
    });
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.1.0", code: 999 });
    expect(stderr).toContain("build it again");
  }
});
