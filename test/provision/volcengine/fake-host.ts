// A machine in memory: its links follow what the fake cloud attaches and detaches.

import type { Host } from "#provision/volcengine/host.ts";
import type { Link, NetworkManagerName } from "#provision/volcengine/seen.ts";
import type { FakeVolcengine } from "#test/clouds/volcengine/fake.ts";

export class FakeHost implements Host {
  readonly files = new Map<string, string>();
  readonly present: NetworkManagerName[] = ["systemd-networkd", "NetworkManager"];
  /** What was asked of the machine, in order. */
  readonly deeds: string[] = [];
  /** False: interfaces are attached, and no link appears. */
  plugs = true;
  #links: Link[] = [];
  #next = 9;

  /** Links get odd names in the order of attaching, as hot-plugging does. */
  static beside(fake: FakeVolcengine, instance: string): FakeHost {
    const host = new FakeHost();
    const primary = [...fake.regionNamed().enis.values()].filter(
      ({ view }) => view.instanceId === instance,
    );
    for (const { view } of primary)
      host.plug(view.mac, view.type === "primary" ? "eth0" : undefined);
    fake.onChange((change) => {
      if (change.instance !== instance) return;
      if (change.kind === "attach" && host.plugs) host.plug(change.mac);
      if (change.kind === "detach") host.unplug(change.mac);
    });
    return host;
  }

  plug(mac: string, name = `ens${this.#next--}`): void {
    const up = name === "eth0";
    this.#links.push({ name, mac, up, addresses: up ? ["172.20.1.10"] : ["169.254.7.7"] });
  }

  unplug(mac: string): void {
    this.#links = this.#links.filter((link) => link.mac !== mac);
  }

  observe() {
    return Promise.resolve({
      links: this.#links,
      managers: [...this.present],
      files: new Map(this.files),
    });
  }

  links() {
    return Promise.resolve(this.#links);
  }

  prepare(wanted: Link) {
    this.deeds.push(`up ${wanted.name}`);
    this.#links = this.#links.map((link) =>
      link.name === wanted.name ? { ...link, up: true, addresses: [] } : link,
    );
    return Promise.resolve();
  }

  write(path: string, text: string) {
    this.deeds.push(`write ${path}`);
    this.files.set(path, text);
    return Promise.resolve();
  }

  remove(path: string) {
    this.deeds.push(`remove ${path}`);
    this.files.delete(path);
    return Promise.resolve();
  }

  reload(manager: NetworkManagerName) {
    this.deeds.push(`reload ${manager}`);
    return Promise.resolve(undefined);
  }
}
