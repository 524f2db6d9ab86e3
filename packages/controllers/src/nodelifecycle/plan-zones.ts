/**
 * How many nodes of a zone are down, and what that permits. Pure.
 * Source: …/nodelifecycle/node_lifecycle_controller.go, handleDisruption.
 */
import type { Node } from '@kapella/api/types/core-v1';
import { readyOf } from './plan-node.ts';

/** One node each so often, upstream's --node-eviction-rate 0.1 per second. */
const EVICTION_EVERY_MS = 10_000;
/** In a large zone that is half down: --secondary-node-eviction-rate 0.01 per second. */
const SLOW_EVICTION_EVERY_MS = 100_000;
const LARGE_ZONE_NODES_MIN = 50;
const UNHEALTHY_SHARE = 0.55;

const EXCLUDED = 'node.kubernetes.io/exclude-disruption';

export type ZonePace = { readonly everyMs: number } | 'none' | 'undo';

export function zoneOf(node: Node): string {
  const label = (name: string) => node.metadata.labels?.[`topology.kubernetes.io/${name}`] ?? '';
  return `${label('region')}:${label('zone')}`;
}

/**
 * How quickly nodes of the zone may be emptied. When no node anywhere is ready the fault is likely on this side: then
 * nothing is driven off at all.
 */
export function paceOf(zone: string, nodes: readonly Node[]): ZonePace {
  const counted = nodes.filter((node) => node.metadata.labels?.[EXCLUDED] === undefined);
  const isDown = (node: Node) => readyOf(node)?.status !== 'True';
  if (counted.length > 0 && counted.every(isDown)) return 'undo';
  const own = counted.filter((node) => zoneOf(node) === zone);
  const down = own.filter(isDown).length;
  if (down === own.length || down <= 2 || down / own.length < UNHEALTHY_SHARE) return { everyMs: EVICTION_EVERY_MS };
  return own.length > LARGE_ZONE_NODES_MIN ? { everyMs: SLOW_EVICTION_EVERY_MS } : 'none';
}
