// Files that are read (credentials) and written (what keeps network managers away), in folders of their own.

import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { readCredentialFiles } from "#provision/volcengine/credential-files.ts";
import { openHost } from "#provision/volcengine/host.ts";

async function openFolder() {
  const path = await mkdtemp(join(tmpdir(), "volcengine-files-"));
  return {
    path,
    async write(name: string, text: string) {
      await mkdir(dirname(join(path, name)), { recursive: true });
      await writeFile(join(path, name), text);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true }),
  };
}

const profiles = (profile: object) =>
  JSON.stringify({
    current: "work",
    profiles: { work: profile, other: { "access-key": "AK2", "secret-key": "SK2" } },
  });

describe("credentials in files", () => {
  const config = ".volcengine/config.json";
  const keys = { accessKeyId: "AK", secretKey: "SK" };
  it.each([
    [
      "the command line's, current profile",
      config,
      profiles({ mode: "ak", "access-key": "AK", "secret-key": "SK" }),
      {},
      keys,
    ],
    [
      "the command line's, named profile",
      config,
      profiles({}),
      { VOLCENGINE_PROFILE: "other" },
      { accessKeyId: "AK2", secretKey: "SK2" },
    ],
    [
      "with a session that ends, in seconds",
      config,
      profiles({
        "access-key": "AK",
        "secret-key": "SK",
        "session-token": "ST",
        "sts-expiration": 2_000_000_000,
      }),
      {},
      { ...keys, sessionToken: "ST", expires: 2_000_000_000_000 },
    ],
    [
      "in milliseconds",
      config,
      profiles({ "access-key": "AK", "secret-key": "SK", "sts-expiration": 2_000_000_000_000 }),
      {},
      { expires: 2_000_000_000_000 },
    ],
    [
      "the instance's role",
      config,
      profiles({ mode: "ecsrole", "role-name": "R" }),
      {},
      { role: "R" },
    ],
    [
      "flat",
      config,
      '{"access_key_id":"AK","secret_access_key":"SK","region":"cn-beijing"}',
      {},
      keys,
    ],
    [
      "INI",
      ".volcengine/credentials",
      "[other]\nvolcengine_access_key_id=X\n[default]\nvolcengine_access_key_id = AK\nvolcengine_secret_access_key=SK\nvolcengine_session_token=ST\n",
      {},
      { ...keys, sessionToken: "ST" },
    ],
    ["the older SDK's", ".volc/config", '{"VOLC_ACCESSKEY":"AK","VOLC_SECRETKEY":"SK"}', {}, keys],
  ])("%s", async (_, name, text, environment, found) => {
    await using home = await openFolder();
    await home.write(name, text);
    expect(await readCredentialFiles({ environment, home: home.path })).toMatchObject(found);
  });
  it.each([
    [
      "a mode that needs a person",
      config,
      profiles({ mode: "sso" }),
      "mode sso, which is not supported",
    ],
    [
      "a profile that is not there",
      config,
      profiles({}).replace("work", "gone"),
      "has no profile gone",
    ],
    ["half a pair", config, '{"access_key_id":"AK"}', "only one of"],
    ["something else than JSON", config, '{"secret_access_key":"hidden-secret', "is not JSON"],
    ["a wrong type", config, '{"access_key_id":7}', "access_key_id has the wrong type"],
  ])("%s is refused without showing it", async (_, name, text, message) => {
    await using home = await openFolder();
    await home.write(name, text);
    const reading = readCredentialFiles({ environment: {}, home: home.path });
    await expect(reading).rejects.toThrow(message);
    await expect(reading).rejects.not.toThrow("hidden-secret");
  });
  it("that are not there are no error", async () => {
    await using home = await openFolder();
    expect(await readCredentialFiles({ environment: {}, home: home.path })).toBeUndefined();
  });
});

describe("files that keep network managers away", () => {
  it("are written where a manager is installed, seen again, and removed; others' are not seen", async () => {
    await using root = await openFolder();
    const host = openHost(root.path);
    expect((await host.observe()).managers).toEqual([]);
    await mkdir(join(root.path, "etc/NetworkManager"), { recursive: true });
    await root.write("etc/systemd/network/10-eth0.network", "theirs");
    expect((await host.observe()).managers).toEqual(["systemd-networkd", "NetworkManager"]);
    const paths = [
      "/etc/systemd/network/05-cocoon-net-3.network",
      "/etc/NetworkManager/conf.d/90-cocoon-net-3.conf",
    ];
    for (const path of paths) await host.write(path, "ours");
    expect([...(await host.observe()).files.keys()]).toEqual(paths);
    for (const path of paths) await host.remove(path);
    for (const path of paths) await host.remove(path);
    expect((await host.observe()).files.size).toBe(0);
    expect(await readdir(join(root.path, "etc/systemd/network"))).toEqual(["10-eth0.network"]);
    expect(await readFile(join(root.path, "etc/systemd/network/10-eth0.network"), "utf8")).toBe(
      "theirs",
    );
  });
  it("links of this machine are read with MAC and state", async () => {
    for (const link of await openHost().links()) {
      expect(link.mac).toMatch(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/);
      expect(typeof link.up).toBe("boolean");
    }
  });
});
