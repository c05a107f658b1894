// What may happen to a node, as data: each can be carried out in any state of it, so that a sequence can be shortened.

/** Containers and guests are known by their slot; an operation without sense in the state of its slot does nothing. */
export type Operation = Simple | Together;

export type Simple =
  /** ADD; `asks` is the place in the pool of an address that is insisted on. */
  | {
      readonly op: "add";
      readonly slot: number;
      readonly port: number;
      readonly confirm: boolean;
      readonly asks?: number;
    }
  /** An ADD that began before the DEL that was answered already. */
  | { readonly op: "late-add"; readonly slot: number; readonly port: number }
  | {
      readonly op: "del";
      readonly slot: number;
      readonly port: number;
      readonly how: "plain" | "renamed" | "broken" | "spooled" | "late";
      /** What the runtime takes away first. */
      readonly ends: "namespace" | "afterwards" | "never";
    }
  | { readonly op: "check"; readonly slot: number; readonly port: number }
  | { readonly op: "gc"; readonly keep: "living" | "none" | "absent" }
  /** An operator's release by hand; `stale` names the allocation before. */
  | { readonly op: "forget"; readonly slot: number; readonly stale: boolean }
  /** The container's namespace goes, and no DEL comes. */
  | { readonly op: "die"; readonly slot: number }
  /** DISCOVER and REQUEST; `lost` and `twice` have a bit for each of DISCOVER, OFFER, REQUEST, ACK. */
  | {
      readonly op: "boot";
      readonly guest: number;
      readonly lost: number;
      readonly twice: number;
      readonly way: "plain" | "rapid" | "other-server";
      readonly asks?: number;
    }
  | {
      readonly op: "renew";
      readonly guest: number;
      readonly how: "renewing" | "rebinding" | "init-reboot";
      readonly lost: number;
    }
  | { readonly op: "release"; readonly guest: number; readonly spoofed: boolean }
  | { readonly op: "decline"; readonly guest: number }
  | { readonly op: "pass"; readonly milliseconds: number }
  /** One pass of the reconciler; `between` happens while it looks. */
  | { readonly op: "look"; readonly between: readonly Simple[] }
  /** An operator's comparison; `between` happens between its two looks. */
  | { readonly op: "fsck"; readonly repair: boolean; readonly between: readonly Simple[] }
  | { readonly op: "mirror" }
  | { readonly op: "drain" }
  /** Netlink loss: the bridge goes and comes back empty, or routes and neighbours go or appear unannounced. */
  | { readonly op: "bridge"; readonly how: "lost" | "back" | "flushed" | "stray" }
  | { readonly op: "refuse-commits"; readonly count: number }
  | { readonly op: "refuse-routes"; readonly count: number }
  | { readonly op: "step-clock"; readonly milliseconds: number }
  /** Time enough for everything to end that is to end. */
  | { readonly op: "settle" };

/** Several at once, sharing commits; with `kill` the broker dies in the middle of them. */
export interface Together {
  readonly op: "together";
  readonly parts: readonly Simple[];
  readonly kill?: Kill;
}

export interface Kill {
  /** A point by its name (`before persist ADD`), or so many turns of the event loop after the beginning. */
  readonly at: string | number;
  /** The whole machine: a new boot, namespaces and routes gone. */
  readonly power: boolean;
  /** Slots whose containers end while no broker answers: their DELs go into the spool. */
  readonly released: readonly number[];
  /** Kills the next broker too, at this point of its start. */
  readonly again?: string;
}

export const isTogether = (operation: Operation): operation is Together =>
  operation.op === "together";
