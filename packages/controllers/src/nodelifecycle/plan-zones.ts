/**
 * How many nodes of a zone are down, and what that permits. Pure.
 * Source: …/nodelifecycle/node_lifecycle_controller.go, handleDisruption.
 */
import type { Node } from '@kapella/api/types/core-v1';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { readyOf } from './plan-node.ts';

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
export function paceOf(zone: string, nodes: readonly Node[], tuning: Tuning = DEFAULT_TUNING): ZonePace {
  const counted = nodes.filter((node) => node.metadata.labels?.[EXCLUDED] === undefined);
  const isDown = (node: Node) => readyOf(node)?.status !== 'True';
  if (counted.length > 0 && counted.every(isDown)) return 'undo';
  const own = counted.filter((node) => zoneOf(node) === zone);
  const down = own.filter(isDown).length;
  if (down === own.length || down <= 2 || down / own.length < tuning.unhealthyZoneThreshold)
    return atRate(tuning.nodeEvictionRate);
  return own.length > tuning.largeClusterSizeThreshold ? atRate(tuning.secondaryNodeEvictionRate) : 'none';
}

/** Nodes a second; 0: none at all. */
const atRate = (rate: number): ZonePace => (rate > 0 ? { everyMs: 1000 / rate } : 'none');
