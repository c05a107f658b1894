// The list of attachments that GC leaves alone, read by the letter of CNI spec 1.1.0.

import * as z from "zod/mini";
import type { CniFailure } from "./failure.ts";
import type { ValidAttachment } from "./leasing-port.ts";
import { type RawConf, describeIssue, invalidConf } from "./netconf.ts";

/** Attachments in one list at most; a node has a few hundred containers. */
const MAX_ATTACHMENTS = 65_536;

/** `absent`: the runtime sent no list, so there is nothing to do. An empty one means that nothing is valid. */
export type ValidList = "absent" | readonly ValidAttachment[];

const listSchema = z
  .array(
    z.object({
      containerID: z.string().check(z.maxLength(1024)),
      ifname: z.string().check(z.maxLength(256)),
    }),
  )
  .check(z.maxLength(MAX_ATTACHMENTS));

/** The list under its key of spec 1.1.0, or under the one that libcni used before; `null` is how Go sends an empty one. */
export function validAttachments(conf: RawConf): ValidList | CniFailure {
  const key = ["cni.dev/valid-attachments", "cni.dev/attachments"].find((name) =>
    Object.hasOwn(conf, name),
  );
  if (key === undefined) return "absent";
  const parsed = listSchema.safeParse(conf[key] ?? []);
  if (!parsed.success) return invalidConf(`invalid ${key}`, describeIssue(parsed.error.issues[0]));
  return parsed.data.map(({ containerID, ifname }) => ({
    containerId: containerID.trim(),
    ifname,
  }));
}
