/** Devices that a node can use. Source: k8s.io/dynamic-resource-allocation/structured/internal/stable/pools_stable.go. */
import type { Node, NodeSelector } from '@kapella/api/types/core-v1';
import type { CounterSet, Device, ResourceSlice } from '@kapella/api/types/resource-v1';
import { matchesSelector } from '../../framework/node-selector.ts';

export interface UsableDevice {
  /** `driver/pool/device` */
  readonly id: string;
  readonly driver: string;
  readonly pool: string;
  readonly device: Device;
  /** Where the devices of its slice are: goes into the allocation. */
  readonly nodeSelector: NodeSelector | undefined;
  /** On this node only. */
  readonly isLocal: boolean;
}

export interface Pool {
  readonly id: string;
  readonly devices: readonly UsableDevice[];
  readonly counters: readonly CounterSet[];
  /** Its driver is publishing it: not all slices are there. */
  readonly isIncomplete: boolean;
  /** Two devices of one name. */
  readonly isInvalid: boolean;
}

/** Of each pool only the newest generation counts. In order of pool and slice names. */
export function poolsOf(slices: readonly ResourceSlice[], node: Node): Pool[] {
  const byPool = new Map<string, ResourceSlice[]>();
  for (const slice of slices) {
    const { driver, pool } = slice.spec;
    const id = `${driver}/${pool.name}`;
    const known = byPool.get(id) ?? [];
    const newest = known[0]?.spec.pool.generation ?? pool.generation;
    if (pool.generation < newest) continue;
    byPool.set(id, pool.generation > newest ? [slice] : [...known, slice]);
  }
  return [...byPool]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, all]) => buildPool(id, all, node))
    .filter(({ devices }) => devices.length > 0);
}

function buildPool(id: string, all: readonly ResourceSlice[], node: Node): Pool {
  const sorted = all.toSorted(({ metadata: a }, { metadata: b }) => (a.name < b.name ? -1 : 1));
  const devices = sorted.flatMap((slice) => devicesOf(slice, node));
  const names = all.flatMap(({ spec }) => (spec.devices ?? []).map(({ name }) => name));
  return {
    id,
    devices,
    counters: sorted.flatMap(({ spec }) => spec.sharedCounters ?? []),
    isIncomplete: all.length !== all[0]?.spec.pool.resourceSliceCount,
    isInvalid: new Set(names).size !== names.length,
  };
}

function devicesOf({ spec }: ResourceSlice, node: Node): UsableDevice[] {
  const { driver, pool, devices = [], perDeviceNodeSelection } = spec;
  return devices.flatMap((device) => {
    const place = perDeviceNodeSelection === true ? device : spec;
    if (!isUsable(place, node)) return [];
    const isLocal = Boolean(place.nodeName);
    const id = `${driver}/${pool.name}/${device.name}`;
    return [{ id, driver, pool: pool.name, device, nodeSelector: place.nodeSelector, isLocal }];
  });
}

interface Place {
  readonly nodeName?: string;
  readonly nodeSelector?: NodeSelector;
  readonly allNodes?: boolean;
}

function isUsable({ nodeName, nodeSelector, allNodes }: Place, node: Node): boolean {
  if (nodeName) return nodeName === node.metadata.name;
  if (allNodes === true) return true;
  return nodeSelector !== undefined && matchesSelector(nodeSelector, node);
}
