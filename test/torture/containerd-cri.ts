// The container runtime interface (CRI, package runtime.v1) as a kubelet speaks it: gRPC on a Unix socket, only what a pod's life needs.

import { type IncomingHttpHeaders, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { bytesOf, numberOf, readFields, textOf, textsIn, write } from "./containerd-protobuf.ts";

/** No call of a runtime that lives takes so long, however busy the machine. */
const CALL_LIMIT_MS = 60_000;
const SERVICE = "/runtime.v1.RuntimeService/";
/** gRPC puts a flag and the length before each message. */
const PREFIX_BYTES = 5;
const OK = "0";

export interface PodConfig {
  readonly name: string;
  readonly uid: string;
  /** Of the sandboxes of one pod, from 0. */
  readonly attempt: number;
  /** Parent of its control groups. */
  readonly group: string;
}

export interface SandboxState {
  readonly id: string;
  readonly podUid: string;
}

export interface Cri {
  /** Starts a pod's sandbox, network included; gives its ID. */
  runPodSandbox(pod: PodConfig): Promise<string>;
  stopPodSandbox(id: string): Promise<void>;
  removePodSandbox(id: string): Promise<void>;
  sandboxes(): Promise<readonly SandboxState[]>;
  /** The address that the runtime believes it has; empty when none. */
  addressOf(id: string): Promise<string>;
  /** Whether the runtime has read its CNI configuration. */
  isNetworkReady(): Promise<boolean>;
}

/** Every call has a connection of its own, which ends with the runtime when that is killed. */
export function openCri(socket: string): Cri {
  const call = (method: string, ...message: readonly Uint8Array[]): Promise<Buffer> =>
    unary(socket, method, Buffer.concat(message));
  return {
    async runPodSandbox({ name, uid, attempt, group }) {
      const metadata = [write(1, name), write(2, uid), write(3, "default"), write(4, attempt)];
      const linux = write(1, group);
      const config = [write(1, Buffer.concat(metadata)), write(2, name), write(8, linux)];
      return textOf(await call("RunPodSandbox", write(1, Buffer.concat(config))), 1);
    },
    async stopPodSandbox(id) {
      await call("StopPodSandbox", write(1, id));
    },
    async removePodSandbox(id) {
      await call("RemovePodSandbox", write(1, id));
    },
    async sandboxes() {
      const answer = await call("ListPodSandbox");
      return readFields(answer, 1).map((sandbox) => ({
        id: textOf(sandbox, 1),
        podUid: textOf(bytesOf(sandbox, 2), 2),
      }));
    },
    async addressOf(id) {
      const status = bytesOf(await call("PodSandboxStatus", write(1, id)), 1);
      return textOf(bytesOf(status, 5), 1);
    },
    async isNetworkReady() {
      const conditions = readFields(bytesOf(await call("Status"), 1), 1);
      return conditions.some(
        (one) => textsIn(one, 1).includes("NetworkReady") && numberOf(one, 2) === 1,
      );
    },
  };
}

/** One request and its one answer; rejects with the runtime's words, or when the connection ends without any. */
function unary(socket: string, method: string, message: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const session = connect("http://localhost", { createConnection: () => connectSocket(socket) });
    const fail = (why: string): void => {
      session.destroy();
      reject(new Error(`${method}: ${why}`));
    };
    session.on("error", (error) => fail(error.message));
    session.setTimeout(CALL_LIMIT_MS, () => fail(`no answer within ${CALL_LIMIT_MS} ms`));
    const stream = session.request({
      ":method": "POST",
      ":path": `${SERVICE}${method}`,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const received: Buffer[] = [];
    let status: string | undefined;
    let words = "";
    const hear = (headers: IncomingHttpHeaders): void => {
      const [told, why = ""] = [headers["grpc-status"], headers["grpc-message"]];
      if (typeof told !== "string") return;
      status = told;
      words = decodeURIComponent(String(why));
    };
    // A call that fails at once has its status in the head and no trailers.
    stream.on("response", hear);
    stream.on("trailers", hear);
    stream.on("data", (part: Buffer) => received.push(part));
    stream.on("error", (error) => fail(error.message));
    stream.on("close", () => {
      if (status !== OK) return fail(status === undefined ? "the connection ended" : words);
      session.close();
      resolve(Buffer.concat(received).subarray(PREFIX_BYTES));
    });
    const prefix = Buffer.alloc(PREFIX_BYTES);
    prefix.writeUInt32BE(message.length, 1);
    stream.end(Buffer.concat([prefix, message]));
  });
}
