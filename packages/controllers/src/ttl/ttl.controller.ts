/** Tells kubelets how long they may keep Secrets and ConfigMaps, by the number of nodes. Source: kubernetes pkg/controller/ttl. */
import { coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

export const TTL_ANNOTATION = 'node.alpha.kubernetes.io/ttl';

/** Steps overlap, so that a node that comes and goes does not change them all. */
const STEPS = [
  { min: 0, max: 100, ttlSeconds: 0 },
  { min: 90, max: 500, ttlSeconds: 15 },
  { min: 450, max: 1_000, ttlSeconds: 30 },
  { min: 900, max: 2_000, ttlSeconds: 60 },
  { min: 1_800, max: Number.POSITIVE_INFINITY, ttlSeconds: 300 },
] as const;

/** Pure: the step for so many nodes, from the one before. */
export function nextStep(step: number, nodeCount: number): number {
  let next = step;
  while (nodeCount > (STEPS[next]?.max ?? Number.POSITIVE_INFINITY)) next++;
  while (nodeCount < (STEPS[next]?.min ?? 0)) next--;
  return next;
}

export const ttlSecondsOf = (step: number): number => STEPS[step]?.ttlSeconds ?? 0;

export function createTtlController({ cache, client }: ControllerDeps): Controller {
  let step = 0;
  let nodeCount = 0;
  const isRight = (node: Node) => {
    const text = node.metadata.annotations?.[TTL_ANNOTATION] ?? '';
    return /^[+-]?\d+$/.test(text) && Number(text) === ttlSecondsOf(step);
  };
  return defineController<Node>({
    name: 'ttl-controller',
    primary: coreV1.Node,
    primaryChanged: (node) => !isRight(node),
    watches: [
      {
        kind: coreV1.Node,
        keysOf(_node: Node, old: Node | undefined, deleted: boolean) {
          if (old !== undefined && !deleted) return [];
          const before = ttlSecondsOf(step);
          nodeCount += deleted ? -1 : 1;
          step = nextStep(step, nodeCount);
          // Upstream waits for each node's next heartbeat.
          return ttlSecondsOf(step) === before ? [] : cache.list(coreV1.Node).map(({ metadata }) => metadata.name);
        },
      },
    ],
    async reconcile(name, ctx) {
      const node = cache.get(coreV1.Node, name);
      if (node === undefined || isRight(node)) return {};
      const body = { metadata: { annotations: { [TTL_ANNOTATION]: String(ttlSecondsOf(step)) } } };
      await client.patch(coreV1.Node, node, { type: 'strategic', body }, ctx);
      return {};
    },
  });
}
