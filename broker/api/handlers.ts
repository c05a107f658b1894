// What the API server asks of the broker: one method for each route, in the words of the contract.

import type { Ip } from "#core/address.ts";
import type {
  AddressAnswer,
  CniAnswer,
  ForgetAnswer,
  FsckAnswer,
  HealthAnswer,
  LeaseAnswer,
  RecordedEvent,
  StatusAnswer,
} from "./contract.ts";

/** A method may throw a BrokerError, which is answered with the status of its code. */
export interface ApiHandlers {
  /**
   * `body` is the parsed JSON as it came: the CNI side judges it and answers with a CNI error where it is wrong. `send`
   * is called at most once and resolves when the answer was handed to the kernel or the client is gone.
   */
  cni(body: unknown, send: (answer: CniAnswer) => Promise<void>): Promise<void>;
  /** Resolves when the delivery is durable. */
  cniConfirm(token: string): Promise<void>;
  status(): StatusAnswer | Promise<StatusAnswer>;
  /** Iterated slowly while the answer is written, so that 65,536 leases never stand in memory as one text. */
  leases(): Iterable<LeaseAnswer>;
  address(ip: Ip): AddressAnswer | Promise<AddressAnswer>;
  /** Releases an address by hand; with `sequence` only if that is still the lease. `send` is as for {@link cni}. */
  forgetLease(
    ip: Ip,
    sequence: number | undefined,
    send: (answer: ForgetAnswer) => Promise<void>,
  ): Promise<void>;
  /** Events from now on; the answer ends the subscription. `recent` are those before, oldest first. */
  subscribe(listener: (event: RecordedEvent) => void): {
    readonly recent: readonly RecordedEvent[];
    readonly end: () => void;
  };
  /** Compares the ledger with what is there, and mends the differences when asked to. */
  fsck(repair: boolean): Promise<FsckAnswer>;
  health(): HealthAnswer;
  ready(): HealthAnswer;
  /** Prometheus text exposition format 0.0.4. */
  metrics(): Promise<string>;
}
