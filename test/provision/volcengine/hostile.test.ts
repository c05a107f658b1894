// Answers that no cloud should give: none gets further than the parser, and none is taken for success.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as actions from "#provision/volcengine/actions.ts";
import { Api } from "#provision/volcengine/api.ts";
import { ApiFault } from "#provision/volcengine/fault.ts";
import { processTiming } from "#provision/retry.ts";

const signal = new AbortController().signal;

function answering(status: number, text: string): Api {
  const credentials = { accessKeyId: "AK", secretKey: "hidden", source: "a test" };
  return new Api({
    send: () => Promise.resolve({ status, text, retryAfter: undefined }),
    region: "cn-beijing",
    credentials: { current: () => Promise.resolve(credentials), renew: () => false },
    timing: { ...processTiming, sleep: () => Promise.resolve() },
    limits: { calls: 3, callDeadline: 1_000, deadline: 60_000, firstWait: 1, longestWait: 1 },
    calls: new Map(),
  });
}

const described = (api: Api) =>
  api.call(actions.describeInterface, { NetworkInterfaceId: "eni-1" }, signal);

describe("an answer", () => {
  it.each([
    ["nothing", 503, "", "uncertain"],
    ["HTML", 502, "<html>bad gateway</html>", "uncertain"],
    ["HTML as success", 200, "<html>hello</html>", "uncertain"],
    [
      "half of one",
      200,
      '{"ResponseMetadata":{"RequestId":"1"},"Result":{"NetworkInterf',
      "uncertain",
    ],
    ["without its envelope", 200, "{}", "uncertain"],
    [
      "with a wrong result",
      200,
      '{"ResponseMetadata":{},"Result":{"NetworkInterfaceId":7}}',
      "uncertain",
    ],
    ["too many calls, without an envelope", 429, "slow down", "throttled"],
    ["an error without a code", 400, '{"ResponseMetadata":{"Error":{}}}', "uncertain"],
  ])("%s", async (_, status, text, kind) => {
    await expect(described(answering(status, text))).rejects.toMatchObject({ kind });
  });

  it("of any shape is refused as a fault, or read as what it says", async () => {
    const body = fc.oneof(
      fc.string(),
      fc.json(),
      fc
        .record({ ResponseMetadata: fc.object(), Result: fc.jsonValue() })
        .map((value) => JSON.stringify(value)),
    );
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(200, 400, 500), async (text, status) => {
        const result = await described(answering(status, text)).catch((thrown: unknown) => thrown);
        if (!(result instanceof ApiFault)) expect(result).toHaveProperty("NetworkInterfaceId");
      }),
      { numRuns: 300 },
    );
  });

  it("shows no control characters and no secret on a terminal", async () => {
    const error = { Code: "Odd\u001b[2J", Message: "clear\u001b[2J\nscreen", CodeN: 1 };
    const text = JSON.stringify({ ResponseMetadata: { RequestId: "1\u0007", Error: error } });
    const thrown: unknown = await described(answering(400, text)).catch(
      (reason: unknown) => reason,
    );
    if (!(thrown instanceof ApiFault)) throw new Error("it was not refused");
    const said = `${thrown.message}${thrown.details}${thrown.hint}`;
    expect(said).not.toMatch(/\p{Cc}|hidden/u);
    expect(said).toContain("Odd?[2J: clear?[2J?screen");
  });
});
