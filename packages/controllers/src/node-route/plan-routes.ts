/** Routes to the Pods of nodes. Source: cloud-provider/controllers/route/route_controller.go. */
import { parseCidr } from '@kapella/api';
import type { Node, NodeCondition } from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import type { Route } from '../cloud/cloud-provider.ts';
import { contains } from '../service-cidr/plan-service-cidr.ts';

export interface RoutePlan {
  readonly create: readonly { readonly node: Node; readonly route: Omit<Route, 'name'> }[];
  readonly remove: readonly Route[];
}

/** Pure. Routes outside of the cluster's Pod networks are someone else's. */
export function planRoutes(
  nodes: readonly Node[],
  routes: readonly Route[],
  clusterCidrs: readonly string[],
): RoutePlan {
  const wanted = new Map<string, { node: Node; route: Omit<Route, 'name'> }>();
  for (const node of nodes) {
    for (const destinationCidr of node.spec.podCIDRs ?? []) {
      const route = { targetNode: node.metadata.name, destinationCidr };
      wanted.set(idOf(route), { node, route });
    }
  }
  const present = new Set(routes.filter(({ isBlackhole }) => isBlackhole !== true).map(idOf));
  const isOurs = ({ destinationCidr }: Route) => clusterCidrs.some((cidr) => overlaps(cidr, destinationCidr));
  return {
    create: [...wanted].filter(([id]) => !present.has(id)).map(([, entry]) => entry),
    remove: routes.filter((route) => isOurs(route) && (route.isBlackhole === true || !wanted.has(idOf(route)))),
  };
}

const idOf = ({ targetNode, destinationCidr }: Omit<Route, 'name'>) => `${targetNode} ${destinationCidr}`;

function overlaps(outer: string, inner: string): boolean {
  const [a, b] = [parseCidr(outer), parseCidr(inner)];
  return a !== undefined && b !== undefined && (contains(a, b) || contains(b, a));
}

/** Pure: the conditions to write; undefined where they stand right. */
export function networkConditions(node: Node, hasRoutes: boolean, nowMs: number): NodeCondition[] | undefined {
  const condition: NodeCondition = {
    type: 'NetworkUnavailable',
    status: hasRoutes ? 'False' : 'True',
    reason: hasRoutes ? 'RouteCreated' : 'NoRouteCreated',
    message: hasRoutes ? 'RouteController created a route' : 'RouteController failed to create a route',
    lastTransitionTime: formatTime(nowMs),
    lastHeartbeatTime: formatTime(nowMs),
  };
  const all = node.status?.conditions ?? [];
  const before = all.find(({ type }) => type === condition.type);
  if (before?.status === condition.status && before.reason === condition.reason) return undefined;
  return [...all.filter((other) => other !== before), condition];
}
