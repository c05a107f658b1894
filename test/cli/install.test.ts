// install and teardown on folders of their own: what is put where, twice without harm, and what teardown leaves.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCommand } from "./run-command.ts";

function node() {
  const root = mkdtempSync(join(tmpdir(), "cocoon-net-install-"));
  const at = (leaf: string) => join(root, leaf);
  return { at, [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }) };
}

describe("install", () => {
  function prepared() {
    const place = node();
    mkdirSync(place.at("dist"));
    for (const name of ["cocoon-net", "cocoon-ipam", "cocoon-net.service"])
      writeFileSync(place.at(`dist/${name}`), `this is ${name}`);
    writeFileSync(place.at("config.yaml"), "");
    const args = [
      "install",
      "--from",
      place.at("dist"),
      "--bin-dir",
      place.at("bin"),
      "--unit-dir",
      place.at("units"),
      "--state-dir",
      place.at("state"),
      "--cni-bin-dir",
      place.at("cni"),
      "--config",
      place.at("config.yaml"),
    ];
    return { ...place, args };
  }

  test("a dry run changes nothing", async () => {
    using place = prepared();
    const { code, out } = await runCommand([...place.args, "--dry-run"]);
    expect([code, out.match(/ make /g)?.length]).toEqual([0, 4]);
    expect(["bin", "units", "state", "cni"].map((leaf) => existsSync(place.at(leaf)))).toEqual([
      false,
      false,
      false,
      false,
    ]);
  });

  test("links the command, copies plugin and unit, makes the folders; the second time keeps all", async () => {
    using place = prepared();
    expect(await runCommand(place.args)).toMatchObject({
      code: 0,
      err: expect.stringContaining("systemctl daemon-reload"),
    });
    expect(readlinkSync(place.at("bin/cocoon-net"))).toBe(place.at("dist/cocoon-net"));
    expect(readFileSync(place.at("cni/cocoon-ipam"), "utf8")).toBe("this is cocoon-ipam");
    expect(
      [place.at("cni/cocoon-ipam"), place.at("units/cocoon-net.service")].map(
        (path) => statSync(path).mode & 0o777,
      ),
    ).toEqual([0o755, 0o644]);
    const again = await runCommand(place.args);
    expect(again.out.match(/ keep /g)?.length).toBe(5);
  });

  test("a new plugin takes the place of the old by rename", async () => {
    using place = prepared();
    await runCommand(place.args);
    const before = lstatSync(place.at("cni/cocoon-ipam")).ino;
    writeFileSync(place.at("dist/cocoon-ipam"), "a new cocoon-ipam");
    expect((await runCommand(place.args)).out).toContain(`make ${place.at("cni/cocoon-ipam")}`);
    expect(readFileSync(place.at("cni/cocoon-ipam"), "utf8")).toBe("a new cocoon-ipam");
    expect(lstatSync(place.at("cni/cocoon-ipam")).ino).not.toBe(before);
  });

  test("what is not built is named", async () => {
    using place = node();
    const result = await runCommand(["install", "--from", place.at("empty")]);
    expect(result).toMatchObject({ code: 2, err: expect.stringContaining("run make build") });
  });
});

describe("teardown", () => {
  const bridge = "cnt-absent0";

  test("removes what adopt made and nothing of others, and can be repeated", async () => {
    using place = node();
    const folders = [
      "--state-dir",
      place.at("state"),
      "--cni-conf-dir",
      place.at("cni"),
      "--bridge",
      bridge,
    ];
    const teardown = ["teardown", ...folders, "--socket", place.at("broker.sock")];
    await runCommand(["adopt", "--platform", "local", "--subnet", "10.231.48.0/24", ...folders]);
    writeFileSync(place.at("cni/29-cocoon-net.conflist"), '{"name":"somebody-elses","plugins":[]}');
    writeFileSync(place.at("state/notes.txt"), "mine");

    const dry = await runCommand([...teardown, "--dry-run"]);
    expect(dry.out).toContain(`remove ${place.at("state/pool.json")}`);
    expect(existsSync(place.at("state/pool.json"))).toBe(true);

    const wet = await runCommand(teardown);
    expect(wet.code).toBe(0);
    expect(wet.err).toContain("kept");
    expect(
      [place.at("state/pool.json"), place.at("cni/30-cocoon-dhcp.conflist")].map(existsSync),
    ).toEqual([false, false]);
    expect(
      [place.at("state/notes.txt"), place.at("cni/29-cocoon-net.conflist")].map(existsSync),
    ).toEqual([true, true]);
    expect(await runCommand(teardown)).toMatchObject({ code: 0 });
  });
});
