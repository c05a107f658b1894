// Placeholder so that the tree compiles: the author of provision/volcengine overwrites this file.
import { BrokerError } from "#core/errors.ts";
import type { Cloud } from "#provision/cloud.ts";
import type { CloudOptions } from "#provision/clouds.ts";

export function openVolcengine(_options: CloudOptions): Cloud<unknown> {
  throw new BrokerError("unsupported-platform", "volcengine is not built yet", { hint: "use --platform local" });
}
