// Tags put on what exists already; the same key again replaces its value.

import { type Action, type Call, changeEni, checkTags, findEni } from "./call.ts";
import { VolcengineError } from "./errors.ts";
import type { Tag } from "./parameters.ts";
import { findSubnet } from "./subnet.ts";
import { findVpc } from "./vpc.ts";

const tagResources: Action = {
  service: "vpc",
  mutating: true,
  parameters: { "ResourceType*": "text", "ResourceIds*": "list", "Tags*": "tags" },
  serve(call) {
    const type = call.parameters.required("ResourceType");
    const tags = call.parameters.tags("Tags");
    // All or nothing: first every resource is found, then the tags are put.
    const puts = call.parameters.list("ResourceIds").map((id) => putter(call, type, id, tags));
    for (const put of puts) put();
    return {};
  },
};

const merged = (old: readonly Tag[], tags: readonly Tag[]): readonly Tag[] =>
  checkTags([...old.filter(({ Key }) => !tags.some((tag) => tag.Key === Key)), ...tags]);

function putter(call: Call, type: string, id: string, tags: readonly Tag[]): () => void {
  switch (type) {
    case "eni": {
      const eni = findEni(call, id);
      const all = merged(eni.view.tags, tags);
      return () => changeEni(call, eni, { tags: all });
    }
    case "subnet":
      return replace(findSubnet(call, id), tags);
    case "vpc":
      return replace(findVpc(call, id), tags);
    case "securitygroup": {
      const group = call.region.securityGroups.get(id);
      if (group === undefined)
        throw new VolcengineError(
          "InvalidSecurityGroup.NotFound",
          `The specified SecurityGroupId ${id} does not exist.`,
        );
      return replace(group, tags);
    }
    default:
      throw new VolcengineError("InvalidParameter", `The ResourceType ${type} is not known.`, true);
  }
}

function replace(thing: { tags: readonly Tag[] }, tags: readonly Tag[]): () => void {
  const all = merged(thing.tags, tags);
  return () => {
    thing.tags = all;
  };
}

export const tagActions = { TagResources: tagResources };
