// The role and the policy that the documentation gives to be pasted are enough for init and teardown, and name nothing else.

import { readFile } from "node:fs/promises";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import * as actions from "#provision/volcengine/actions.ts";
import { ALL_PERMISSIONS } from "#test/clouds/gce/scenario.ts";
import { testNode } from "./gke/node.ts";
import { openNode } from "./volcengine/node.ts";

const packaging = (name: string) =>
  readFile(new URL(`../../packaging/${name}`, import.meta.url), "utf8");
const roleSchema = z.object({ includedPermissions: z.array(z.string()) });
const policySchema = z.object({ Statement: z.tuple([z.object({ Action: z.array(z.string()) })]) });

/** The policy's, beyond what init and teardown call: tags are given by the calls that make things. */
const BESIDES = ["vpc:TagResources"];
/** Asked for only with --authorize-vpc-ingress; docs/volcengine.md says so. */
const OPTIONAL = ["vpc:AuthorizeSecurityGroupIngress"];

it("GKE: with the role alone a node gets its range and gives it back", async () => {
  const { includedPermissions } = roleSchema.parse(parse(await packaging("gke-role.yaml")));
  // The fake refuses each call whose permission lacks: it is the one that says what is needed.
  expect(includedPermissions.toSorted()).toEqual([...ALL_PERMISSIONS].toSorted());
  await using stack = new AsyncDisposableStack();
  const node = await testNode(stack, { permissions: { "demo-project": includedPermissions } });
  await node.init();
  await node.teardown();
  expect(node.fake.audit()).toMatchObject({ ours: [], foreignLost: [] });
});

it("Volcengine: the policy names every action that there is, and no other one", async () => {
  const { Statement } = policySchema.parse(JSON.parse(await packaging("volcengine-policy.json")));
  const named = Statement[0].Action;
  const known = Object.values(actions).map(({ service, name }) => `${service}:${name}`);
  expect(named.toSorted()).toEqual(
    [...known.filter((action) => !OPTIONAL.includes(action)), ...BESIDES].toSorted(),
  );
  await using node = await openNode();
  await node.init({ poolSize: 40 });
  await node.teardown();
  const called = Object.keys(node.fake.log.counts());
  expect(called.filter((name) => !named.some((action) => action.endsWith(`:${name}`)))).toEqual([]);
});
