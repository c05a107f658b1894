// Plays attacks on the API's socket, several at a time, and judges every answer.

import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { randomFrom } from "#test/torture/random.ts";
import { type Attack, makeAttack } from "./requests.ts";
import { MAX_FAULTS } from "./attack-cni.ts";
import { keepRegression, readRegressions } from "./regressions.ts";

const LANES = 6;
/** The server ends what is not a whole request after 15 s; nothing of ours takes longer. */
const ANSWER_LIMIT_MS = 30_000;
/** An answer longer than this is a list or a stream: what comes behind is not looked at. */
const ANSWER_BYTES = 64 * 1_024;

export interface ApiAttacked {
  readonly sent: number;
  /** Requests that were read to the end and judged by the API itself. */
  readonly past: number;
  /** Promises broken, in words. */
  readonly faults: readonly string[];
}

/** Every attack must be answered in HTTP or its connection ended, and none may be a fault of the server's own. */
export async function attackApi(socket: string, seed: number, count: number): Promise<ApiAttacked> {
  const random = randomFrom(seed);
  const faults: string[] = [];
  const again = readRegressions().flatMap((one) => (one.kind === "request" ? [replay(one)] : []));
  let [begun, past] = [0, 0];
  const lane = async (): Promise<void> => {
    while (begun < count && faults.length < MAX_FAULTS) {
      begun += 1;
      const attack = again.pop() ?? makeAttack(random);
      const answer = await play(socket, attack);
      const fault = faultOf(answer, attack);
      if (fault !== undefined) {
        faults.push(fault);
        const input = Buffer.concat(attack.pieces.map(({ bytes }) => bytes)).toString("latin1");
        keepRegression(`request-${seed}-${begun}`, { kind: "request", input, why: fault });
      }
      if (isJudged(answer)) past += 1;
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { sent: count, past, faults };
}

const replay = ({ input }: { readonly input: string }): Attack => ({
  pieces: [{ bytes: Buffer.from(input, "latin1"), pause: 0 }],
  abandoned: false,
});

/** Writes all pieces and gives what came back until the end of the connection. */
export async function play(socket: string, attack: Attack): Promise<string> {
  const connection = createConnection({ path: socket, allowHalfOpen: true });
  let answer = "";
  const ended = new Promise<void>((resolve) => {
    // An attack may be cut off at any time: that is an answer too. That nobody listens is none.
    connection.on("error", (error) => {
      if ("code" in error && error.code === "ECONNREFUSED") answer = "refused";
    });
    connection.on("close", () => resolve());
    connection.on("end", () => connection.destroy());
    connection.setEncoding("latin1").on("data", (part: string) => {
      answer += part;
      if (answer.length > ANSWER_BYTES || answer.includes("text/event-stream"))
        connection.destroy();
    });
  });
  for (const { bytes, pause } of attack.pieces) {
    if (pause > 0) await delay(pause);
    if (!connection.writable) break;
    connection.write(bytes);
  }
  if (attack.abandoned) connection.destroySoon();
  else connection.end();
  const late = delay(ANSWER_LIMIT_MS, "late", { ref: false });
  if ((await Promise.race([ended, late])) === "late") {
    connection.destroy();
    return "late";
  }
  return answer;
}

function faultOf(answer: string, { abandoned }: Attack): string | undefined {
  if (answer === "late") return "neither answered nor ended";
  if (answer === "" || abandoned) return undefined;
  if (!/^HTTP\/1\.1 [1-5][0-9][0-9] /.test(answer)) return `no HTTP: ${answer.slice(0, 100)}`;
  return answer.includes('"code":"internal"') || / 500 /.test(answer.slice(0, 16))
    ? `a fault of its own: ${answer.slice(0, 500)}`
    : undefined;
}

/** HTTP's own parser answers without a body; so does the look at the length, before anything is read. */
const isJudged = (answer: string): boolean =>
  answer.startsWith("HTTP/1.1 ") &&
  !/^HTTP\/1\.1 (400|408|431) [^\r]*\r\nConnection: close\r\n\r\n/.test(answer) &&
  !answer.includes("the body has more than");
