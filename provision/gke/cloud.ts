// Placeholder so that the tree compiles: the author of provision/gke overwrites this file.
import { BrokerError } from "#core/errors.ts";
import type { Cloud } from "#provision/cloud.ts";
import type { CloudOptions } from "#provision/clouds.ts";

export function openGke(_options: CloudOptions): Cloud<unknown> {
  throw new BrokerError("unsupported-platform", "gke is not built yet", { hint: "use --platform local" });
}
