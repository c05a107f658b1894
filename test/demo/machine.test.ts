// The comparison of machines itself: it sees a link, a rule, a sysctl and a process, and nothing where nothing changed.
import { expect, test } from "vitest";
import { descendants, picture } from "#test/demo/machine.ts";
import { namespaces } from "#test/netns/namespaces.ts";
import { start } from "#test/netns/process.ts";
import { waitFor } from "#test/netns/wait-for.ts";

test("two pictures of an untouched machine are equal; a new namespace shows", async () => {
  await using first = await namespaces("first");
  const before = await picture();
  expect(await picture()).toEqual(before);
  await using second = await namespaces("second");
  const after = await picture();
  expect(after["files"]?.join("\n")).toContain(second.second.name);
  expect(before["files"]?.join("\n")).toContain(first.first.name);
});

test("a process is known by its mark, though its parent is gone", async () => {
  const mark = `COCOON_NET_MARK=${process.pid}`;
  const [name = "", value = ""] = mark.split("=");
  await using parent = start(["sh", "-c", "setsid sleep 1000 & echo $!"], {
    env: { [name]: value },
  });
  const pid = await waitFor(() => /\d+/.exec(parent.stdout())?.[0], { what: "the child's pid" });
  expect((await descendants(mark)).map((line) => line.split(" ")[0])).toContain(pid);
  process.kill(Number(pid), "SIGKILL");
  await waitFor(async () => (await descendants(mark)).length === 0, { what: "the child's end" });
});
