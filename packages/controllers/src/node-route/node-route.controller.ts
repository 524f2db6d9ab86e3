/** Has a cloud lead packets for Pods to their nodes. Source: cloud-provider/controllers/route/route_controller.go. */
import { coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import type { Routes } from '../cloud/cloud-provider.ts';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { networkConditions, planRoutes } from './plan-routes.ts';

const ALL = 'routes';
const AT_ONCE_MAX = 200;

export function createNodeRouteController(
  deps: ControllerDeps,
  routes: Routes,
  clusterCidrs: readonly string[],
  tuning: Tuning = DEFAULT_TUNING,
): Controller {
  return defineController<Node>({
    name: 'node-route-controller',
    primary: coreV1.Node,
    primaryChanged: () => false,
    concurrencyMax: 1,
    async reconcile(key, ctx) {
      if (key !== ALL) return {};
      await reconcileRoutes(deps, routes, clusterCidrs, ctx);
      return { requeueAfterMs: tuning.routeReconciliationPeriodMs };
    },
    background: async (_ctx, queue) => queue.add(ALL),
  });
}

async function reconcileRoutes(
  { cache, client, events }: ControllerDeps,
  routes: Routes,
  clusterCidrs: readonly string[],
  ctx: Ctx,
): Promise<void> {
  const nodes = cache.list(coreV1.Node);
  const { create, remove } = planRoutes(nodes, await routes.list(ctx), clusterCidrs);
  await inTurns(remove, (route) =>
    routes.delete(route, ctx).catch((error) => {
      ctx.log.warn('route not deleted', { route: route.name, cause: describeError(error) });
    }),
  );
  const without = new Set<string>();
  await inTurns(create, async ({ node, route }) => {
    try {
      await routes.create(route, node.metadata.uid, ctx);
    } catch (error) {
      without.add(node.metadata.name);
      const what = `Could not create route ${node.metadata.uid} ${route.destinationCidr} for node ${node.metadata.name}`;
      events.event(node, 'Warning', 'FailedToCreateRoute', `${what}: ${describeError(error)}`);
    }
  });
  for (const node of nodes) {
    const hasRoutes = (node.spec.podCIDRs ?? []).length > 0 && !without.has(node.metadata.name);
    const conditions = networkConditions(node, hasRoutes, ctx.clock.nowMs());
    if (conditions === undefined) continue;
    try {
      await client.patchStatus(coreV1.Node, node, { ...node.status, conditions }, ctx);
    } catch (error) {
      if (!isReason(error, 'NotFound', 'Conflict')) throw error; // seen again in ten seconds
    }
  }
}

async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (let i = 0; i < items.length; i += AT_ONCE_MAX) await Promise.all(items.slice(i, i + AT_ONCE_MAX).map(work));
}
