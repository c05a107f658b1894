// What a step of ours carries besides its words: everything that making it needs, decided when it was planned.

import type { CloudStep } from "#provision/cloud.ts";
import type { Parameters } from "./api.ts";

export type Work =
  | {
      readonly kind: "create-subnet";
      readonly vpc: string;
      readonly zone: string;
      readonly cidr: string;
      readonly name: string;
      readonly tags: readonly Parameters[];
    }
  | { readonly kind: "wait-subnet"; readonly subnetID: string }
  | {
      readonly kind: "check-subnet";
      readonly subnetID: string;
      readonly cidr: string;
      readonly instance: string;
      readonly nodeName: string;
    }
  | { readonly kind: "authorize-ingress"; readonly group: string; readonly cidr: string }
  | {
      readonly kind: "create-eni";
      readonly slot: number;
      readonly name: string;
      /** Absent: the one that `create-subnet` makes. */
      readonly subnetID: string | undefined;
      readonly groups: readonly string[];
      readonly addresses: number;
      readonly nodeName: string;
      readonly tags: readonly Parameters[];
    }
  | { readonly kind: "assign"; readonly eniID: string; readonly addresses: number }
  | Slot<"keep-away">
  | (Slot<"attach-eni"> & { readonly instance: string })
  | Slot<"link">
  | { readonly kind: "detach-eni"; readonly eniID: string; readonly instance: string }
  | { readonly kind: "delete-eni"; readonly eniID: string }
  | { readonly kind: "remove-file"; readonly path: string }
  | { readonly kind: "delete-subnet"; readonly subnetID: string };

/** About the interface of a slot; ID and MAC are absent while it is to be made. */
interface Slot<Kind extends string> {
  readonly kind: Kind;
  readonly slot: number;
  readonly eniID: string | undefined;
  readonly mac: string | undefined;
}

export interface VolcengineStep extends CloudStep {
  readonly work: Work;
}

export type WorkOf<Kind extends Work["kind"]> = Extract<Work, { kind: Kind }>;

export const workOf = (step: CloudStep): Work | undefined =>
  "work" in step ? (step as VolcengineStep).work : undefined;
