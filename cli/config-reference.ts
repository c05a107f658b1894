// Writes docs/config.md from the settings' schema: node cli/config-reference.ts

import { writeFileSync } from "node:fs";
import { DEFAULT_CONFIG_FILE, defaultInWords } from "#broker/config.ts";
import { type Setting, variableOf } from "#broker/setting.ts";
import { settings } from "#broker/settings.ts";

/** The reference of every setting, as Markdown. */
export function configReference(): string {
  const all = Object.values<Setting>(settings);
  return `# Settings

<!-- Generated from broker/settings.ts by \`node cli/config-reference.ts\`; do not edit. -->

A setting comes from the first of these that has it: the command line's flag, the environment variable, the config file
(\`--config\`, \`COCOON_NET_CONFIG\`, else \`${DEFAULT_CONFIG_FILE}\`, which need not exist), the default. In the file each
setting stands under its key; the keys with a dot are nested. Unknown keys are errors. Lists are joined by commas in flags and
variables, and flags may be repeated. Flags that are not settings (\`--dry-run\`, \`--output\`, ...) are in [cli.md](cli.md).

| key | flag | variable | default | commands | meaning |
| --- | --- | --- | --- | --- | --- |
${all.map(row).join("")}
Example of a config file:

\`\`\`yaml
bridge: cni0
state-dir: /var/lib/cocoon/net
no-masquerade-cidr:
  - 172.20.0.0/16
dhcp:
  leaseSeconds: 86400
\`\`\`
`;
}

function row(setting: Setting): string {
  const flag = setting.flag === undefined ? "-" : `\`--${setting.flag}\``;
  const users = setting.usedBy
    .map((user) => (user === "broker" ? "leases, why, events" : user))
    .join(", ");
  return `| \`${setting.key}\` | ${flag} | \`${variableOf(setting)}\` | ${defaultInWords(setting)} | ${users} | ${setting.meaning} |\n`;
}

if (import.meta.main)
  writeFileSync(new URL("../docs/config.md", import.meta.url), configReference());
