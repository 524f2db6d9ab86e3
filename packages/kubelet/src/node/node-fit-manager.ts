/** Keeps Pods off this node that may not be on it, when they arrive. */
import { coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import type { Cache, Client } from '@kapella/client';
import type { GrantManager } from '../grants/grants.ts';
import { judgeNodeFit } from '../lifecycle/node-fit.ts';

export function createNodeFitManager(nodeName: string, client: Pick<Client, 'get'>, cache: Cache): GrantManager {
  const nodes = cache.informer<Node>(coreV1.Node, { fieldSelector: `metadata.name=${nodeName}` });
  return {
    async admit(pod, ctx) {
      const [known] = nodes.list();
      // What was taken before stays, also under an agent that begins anew.
      if (known === undefined || pod.status?.startTime !== undefined) return undefined;
      if (judgeNodeFit(pod, known) === undefined) return undefined;
      // A label may have been added just before the Pod was bound: the API knows more than our watch has told yet.
      const fresh = await client.get(coreV1.Node, { name: nodeName }, ctx);
      return fresh === undefined ? undefined : judgeNodeFit(pod, fresh);
    },
    grantsOf: async () => ({}),
    async release() {},
    holders: () => [],
  };
}
