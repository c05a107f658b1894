// The runtime's configuration folder: what we write, what we find changed, what we leave alone, which network comes first.

import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { guestConflist } from "#conflist/conflist.ts";
import { defaultChange, defaultNetwork, listNetworks } from "#conflist/default-network.ts";
import { conflistDiffers, removeConflist, writeConflist } from "#conflist/write.ts";

let folder = "";
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "cocoon-netd-")), "net.d");
});
afterEach(() => rmSync(join(folder, ".."), { recursive: true, force: true }));

const guest = guestConflist("cni0");
const container = { fileName: "29-cocoon-net.conflist", network: "cocoon-net" };
const put = (name: string, content: unknown): void => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, name),
    typeof content === "string" ? content : JSON.stringify(content),
  );
};

test("a conflist is written whole, readable by all, into a folder that may be missing", async () => {
  expect(await conflistDiffers(folder, guest)).toBe(true);
  await writeConflist(folder, guest);
  expect(readFileSync(join(folder, guest.fileName), "utf8")).toBe(guest.text);
  expect(statSync(join(folder, guest.fileName)).mode & 0o777).toBe(0o644);
  expect(readdirSync(folder)).toEqual([guest.fileName]);
  expect(await conflistDiffers(folder, guest)).toBe(false);
});

test.each([
  [
    "other blanks and another order of keys",
    (text: string) =>
      JSON.stringify(Object.fromEntries(Object.entries(JSON.parse(text)).toReversed())),
    false,
  ],
  ["another bridge", (text: string) => text.replace("cni0", "cni1"), true],
  ["one key more", (text: string) => text.replace("{", `{"disableCheck":true,`), true],
  ["a cut file", (text: string) => text.slice(0, 40), true],
])("drift: %s", async (_, change, differs) => {
  put(guest.fileName, change(guest.text));
  expect(await conflistDiffers(folder, guest)).toBe(differs);
});

test("only our own file is removed", async () => {
  expect(await removeConflist(folder, guest)).toBe("missing");
  put(guest.fileName, { name: "somebody-else", plugins: [] });
  expect(await removeConflist(folder, guest)).toBe("foreign");
  expect(existsSync(join(folder, guest.fileName))).toBe(true);
  await writeConflist(folder, guest);
  put("10-other.conf", { name: "other" });
  expect(await removeConflist(folder, guest)).toBe("removed");
  expect(readdirSync(folder)).toEqual(["10-other.conf"]);
  put(guest.fileName, "cut off {");
  expect(await removeConflist(folder, guest)).toBe("removed");
});

test("a folder that is none is an error with its path and the next step", async () => {
  writeFileSync(folder, "");
  const fault = {
    code: "system-failure",
    message: expect.stringContaining(folder),
    hint: expect.stringContaining("--cni-conf-dir"),
  };
  await expect(writeConflist(folder, guest)).rejects.toMatchObject(fault);
  await expect(listNetworks(folder)).rejects.toMatchObject(fault);
});

test("networks are listed as runtimes list them: by name, three extensions, no folders", async () => {
  expect(await listNetworks(folder)).toEqual([]);
  for (const name of ["b.conf", "a.json", "C.conflist", "0.conf.bak", "00-readme.txt"])
    put(name, { name });
  mkdirSync(join(folder, "00-folder.conf"));
  put("0-broken.conflist", "{");
  const files = await listNetworks(folder);
  expect(files.map(({ fileName }) => fileName)).toEqual([
    "0-broken.conflist",
    "C.conflist",
    "a.json",
    "b.conf",
  ]);
  expect(files[0]?.network).toBeUndefined();
  expect(defaultNetwork(files)?.network).toBe("C.conflist");
});

test.each([
  ["an empty folder", [], "cocoon-net", false],
  ["a network behind ours", [["87-podman.conflist", "podman"]], "cocoon-net", true],
  ["a network before ours", [["10-flannel.conflist", "cbr0"]], "cbr0", false],
  [
    "ours are there already",
    [
      ["29-cocoon-net.conflist", "cocoon-net"],
      ["30-cocoon-dhcp.conflist", "cocoon-dhcp"],
    ],
    "cocoon-net",
    false,
  ],
  [
    "only the guests' network was there",
    [["30-cocoon-dhcp.conflist", "cocoon-dhcp"]],
    "cocoon-net",
    false,
  ],
] as const)("the default network with %s", async (_, files, after, displaces) => {
  for (const [name, network] of files) put(name, { name: network });
  const change = defaultChange(await listNetworks(folder), [container, guest]);
  expect({ after: change.after?.network, displaces: change.displaces }).toEqual({
    after,
    displaces,
  });
  expect(change.before?.network).toBe(files[0]?.[1]);
});
