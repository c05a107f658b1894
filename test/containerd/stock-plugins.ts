// The distribution's own CNI plugins, put beside ours in a plugin folder of a test.
import { access, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";

/** Where distributions put the stock plugins; the first that exists is used. */
const STOCK_PLUGIN_FOLDERS = ["/usr/lib/cni", "/opt/cni/bin"];
/** The stock plugins that conflists of tests name. */
const STOCK_PLUGINS = ["bridge", "host-local", "loopback", "portmap", "tuning"];

/** Links the distribution's plugins into a plugin folder where it has none of that name. */
export async function linkStockPlugins(plugins: string): Promise<void> {
  const stock = await firstFolder();
  const present = await readdir(plugins);
  for (const name of STOCK_PLUGINS.filter((plugin) => !present.includes(plugin))) {
    await symlink(join(stock, name), join(plugins, name));
  }
}

async function firstFolder(): Promise<string> {
  for (const folder of STOCK_PLUGIN_FOLDERS) {
    try {
      await access(join(folder, "bridge"));
      return folder;
    } catch {
      // The next distribution's folder is tried; none at all is an error below.
    }
  }
  throw new Error(`no stock plugins in ${STOCK_PLUGIN_FOLDERS.join(" or ")}: run make setup`);
}
