// Which link of this machine an interface of the cloud is: names depend on the image, MACs do not.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

const LINKS = "/sys/class/net";
/** Links that are looked at; a node has some hundred at most. */
const MAX_LINKS = 8_192;

/** The link with this MAC (lower case); the lowest index where VLANs and the like share it; undefined when none has it. */
export async function linkOf(mac: string, root: string): Promise<string | undefined> {
  const folder = join(root, LINKS);
  const names = (await readdir(folder)).slice(0, MAX_LINKS);
  const links = await Promise.all(
    names.map(async (name) => ({
      name,
      mac: await field(join(folder, name, "address")),
      index: Number(await field(join(folder, name, "ifindex"))),
    })),
  );
  return links
    .filter((link) => link.mac.toLowerCase() === mac)
    .toSorted((one, other) => one.index - other.index)[0]?.name;
}

/** Empty for a link that is gone since it was listed. */
const field = (path: string): Promise<string> =>
  readFile(path, "utf8").then(
    (text) => text.trim(),
    () => "",
  );
