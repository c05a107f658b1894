// Reading what may vanish at any moment: processes, namespaces and their files.

/** What says that a file, or the process it belongs to, is gone. */
export const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "ENOTDIR", "EINVAL"]);
/** What says that it is gone or not for us to see: enough to pass over it, never enough to call something absent. */
export const GONE_OR_CLOSED: ReadonlySet<string> = new Set([...GONE, "EACCES", "EPERM"]);

/** `undefined` when reading fails with one of the codes. */
export async function unless<Value>(
  codes: ReadonlySet<string>,
  reading: Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await reading;
  } catch (thrown) {
    if (thrown instanceof Error && "code" in thrown && codes.has(String(thrown.code)))
      return undefined;
    throw thrown;
  }
}
