// What passes through a namespace, as tcpdump sees it: by which link, from whom to whom.
import type { NetworkNamespace } from "#test/netns/namespaces.ts";
import { waitFor } from "#test/netns/wait-for.ts";

export type Passing = {
  /** The link by which it came in or went out. */
  readonly link: string;
  readonly from: string;
  readonly to: string;
};

export type Capture = AsyncDisposable & {
  /** Waits for the first ICMP echo request to this address that came in. */
  requestTo(to: string): Promise<Passing>;
};

const LINE = /(\S+) +In +IP ([\d.]+) > ([\d.]+): ICMP echo request/g;

/** Records ICMP on every link of the namespace until it is disposed. */
export async function captureIcmp(namespace: NetworkNamespace): Promise<Capture> {
  const command = ["tcpdump", "-i", "any", "-nn", "-l", "icmp"];
  const tcpdump = namespace.spawn(command);
  await waitFor(() => tcpdump.stderr().includes("listening on"), { what: "tcpdump to listen" });
  const seen = (): Passing[] =>
    [...tcpdump.stdout().matchAll(LINE)].map(([, link = "", from = "", to = ""]) => ({
      link,
      from,
      to,
    }));
  return {
    requestTo: (to) =>
      waitFor(() => seen().find((packet) => packet.to === to), {
        what: `an echo request to ${to}; seen: ${tcpdump.stdout()}`,
      }),
    [Symbol.asyncDispose]: () => tcpdump[Symbol.asyncDispose](),
  };
}
