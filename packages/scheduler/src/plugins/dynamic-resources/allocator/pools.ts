/**
 * Devices that a node can use, pool by pool.
 * Source: k8s.io/dynamic-resource-allocation/structured/internal/incubating/pools_incubating.go.
 */
import type { Node, NodeSelector } from '@kapella/api/types/core-v1';
import type { Counter, Device, ResourceSlice } from '@kapella/api/types/resource-v1';
import { matchesSelector } from '../../../framework/node-selector.ts';
import { deviceId } from './allocated-state.ts';

export interface UsableDevice {
  /** `driver/pool/device` */
  readonly id: string;
  readonly driver: string;
  readonly pool: Pool;
  readonly device: Device;
  /** Where the devices of its slice are: goes into the allocation. */
  readonly nodeSelector: NodeSelector | undefined;
  /** On this node only. */
  readonly isLocal: boolean;
}

export type CounterSets = ReadonlyMap<string, Readonly<Record<string, Counter>>>;

export interface Pool {
  /** `driver/pool` */
  readonly id: string;
  readonly name: string;
  /** In the order in which they are tried. */
  readonly devices: readonly UsableDevice[];
  /** Every device that draws on the pool's counters, those of other nodes too. */
  readonly sharers: readonly { readonly id: string; readonly device: Device }[];
  readonly counters: CounterSets;
  /** Its driver is publishing it: not all slices are there. */
  readonly isIncomplete: boolean;
  /** Two devices of one name, or counters that do not exist. */
  readonly isInvalid: boolean;
}

/** Slices by the node that alone can use them, so that each node looks at its own only. */
export class SliceIndex {
  readonly all: readonly ResourceSlice[];
  readonly #byNode = new Map<string, ResourceSlice[]>();
  readonly #shared: ResourceSlice[] = [];
  #byPool: Map<string, ResourceSlice[]> | undefined;

  constructor(slices: readonly ResourceSlice[]) {
    this.all = slices;
    for (const slice of slices) {
      const { nodeName, sharedCounters = [] } = slice.spec;
      if (!nodeName || sharedCounters.length > 0) this.#shared.push(slice);
      else append(this.#byNode, nodeName, slice);
    }
  }

  candidates(node: string): readonly ResourceSlice[] {
    const own = this.#byNode.get(node);
    return own === undefined ? this.#shared : [...own, ...this.#shared];
  }

  ofPool(id: string): readonly ResourceSlice[] {
    if (this.#byPool === undefined) {
      this.#byPool = new Map();
      for (const slice of this.all) append(this.#byPool, poolId(slice), slice);
    }
    return this.#byPool.get(id) ?? [];
  }
}

/** In order of drivers and pools; pools with devices that must be made ready come last. */
export function poolsOf(index: SliceIndex, node: Node): Pool[] {
  const byPool = new Map<string, ResourceSlice[]>();
  for (const slice of index.candidates(node.metadata.name)) {
    if (!isRelevant(slice, node)) continue;
    const id = poolId(slice);
    const newest = byPool.get(id)?.[0]?.spec.pool.generation ?? Number.NEGATIVE_INFINITY;
    const { generation } = slice.spec.pool;
    if (generation > newest) byPool.set(id, [slice]);
    else if (generation === newest) byPool.get(id)?.push(slice);
  }
  const pools = [...byPool].flatMap(([id, slices]) => poolOf(id, slices, index, node) ?? []);
  return pools.sort((a, b) => Number(needsWork(a)) - Number(needsWork(b)) || compare(a.id, b.id));
}

export function isUsableOn({ nodeName, nodeSelector, allNodes }: Place, node: Node): boolean {
  if (nodeName) return nodeName === node.metadata.name;
  if (allNodes === true) return true;
  return nodeSelector !== undefined && matchesSelector(nodeSelector, node);
}

interface Place {
  readonly nodeName?: string;
  readonly nodeSelector?: NodeSelector;
  readonly allNodes?: boolean;
}

function poolId({ spec }: ResourceSlice): string {
  return `${spec.driver}/${spec.pool.name}`;
}

function append(map: Map<string, ResourceSlice[]>, key: string, slice: ResourceSlice): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [slice]);
  else known.push(slice);
}

/** Counters belong to every node; a slice whose devices say each for itself where they are, to the nodes of any of them. */
function isRelevant({ spec }: ResourceSlice, node: Node): boolean {
  if ((spec.sharedCounters?.length ?? 0) > 0) return true;
  if (spec.nodeName || spec.allNodes === true || spec.nodeSelector !== undefined) return isUsableOn(spec, node);
  return spec.perDeviceNodeSelection === true && (spec.devices ?? []).some((device) => isUsableOn(device, node));
}

/** Undefined: a newer generation exists that says nothing of this node. */
function poolOf(id: string, slices: readonly ResourceSlice[], index: SliceIndex, node: Node): Pool | undefined {
  const { generation, resourceSliceCount, name } = (slices[0] as ResourceSlice).spec.pool;
  if (slices.length === resourceSliceCount) return buildPool(id, name, slices, [], node);
  const known = index.ofPool(id);
  if (known.some(({ spec }) => spec.pool.generation > generation)) return undefined;
  const all = known.filter(({ spec }) => spec.pool.generation === generation);
  if (all.length === resourceSliceCount) {
    const names = new Set(slices.map(({ metadata }) => metadata.name));
    const elsewhere = all.filter(({ metadata }) => !names.has(metadata.name));
    return buildPool(id, name, slices, elsewhere, node);
  }
  const nothing = { devices: [], sharers: [], counters: new Map() };
  return { id, name, ...nothing, isIncomplete: true, isInvalid: false };
}

function buildPool(
  id: string,
  name: string,
  slices: readonly ResourceSlice[],
  elsewhere: readonly ResourceSlice[],
  node: Node,
): Pool {
  const sorted = slices.toSorted((a, b) => compare(a.metadata.name, b.metadata.name));
  const deviceSlices = sorted.filter(({ spec }) => (spec.sharedCounters?.length ?? 0) === 0);
  const names = deviceSlices.flatMap(({ spec }) => (spec.devices ?? []).map((device) => device.name));
  const sets = sorted.flatMap(({ spec }) => spec.sharedCounters ?? []);
  const counters: CounterSets = new Map(sets.map((set) => [set.name, set.counters]));
  const sharers = [...sorted, ...elsewhere].flatMap(({ spec }) =>
    (spec.devices ?? []).map((device) => ({ id: deviceId(spec.driver, spec.pool.name, device.name), device })),
  );
  const isInvalid =
    new Set(names).size !== names.length ||
    counters.size !== sets.length ||
    sharers.some(({ device }) => !hasItsCounters(device, counters));
  const devices: UsableDevice[] = [];
  const pool: Pool = { id, name, devices, sharers, counters, isIncomplete: false, isInvalid };
  if (!isInvalid) for (const slice of deviceSlices) devices.push(...devicesOf(slice, pool, node));
  return pool;
}

function hasItsCounters({ consumesCounters = [] }: Device, sets: CounterSets): boolean {
  return consumesCounters.every(({ counterSet, counters }) => {
    const known = sets.get(counterSet);
    return known !== undefined && Object.keys(counters).every((counter) => Object.hasOwn(known, counter));
  });
}

function devicesOf({ spec }: ResourceSlice, pool: Pool, node: Node): UsableDevice[] {
  const { driver, devices = [], perDeviceNodeSelection } = spec;
  return devices.flatMap((device) => {
    const place: Place = perDeviceNodeSelection === true ? device : spec;
    if (perDeviceNodeSelection === true && !isUsableOn(place, node)) return [];
    const isLocal = Boolean(place.nodeName) || device.bindsToNode === true;
    const id = deviceId(driver, pool.name, device.name);
    return [{ id, driver, pool, device, nodeSelector: place.nodeSelector, isLocal }];
  });
}

function needsWork({ devices }: Pool): boolean {
  return devices.some(({ device }) => device.bindingConditions !== undefined);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
