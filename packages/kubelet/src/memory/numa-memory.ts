/**
 * Memory of NUMA nodes and who has it: pure bookkeeping. A node that single containers have memory of alone is never part
 * of a group of nodes, and a group is given out as it was formed. Source: kubernetes pkg/kubelet/cm/memorymanager/policy_static.go.
 */
import { type Hint, hintsFor } from '../topology/hints.ts';
import { isNarrower, maskOf, nodesOf } from '../topology/masks.ts';

/** `memory`, `hugepages-2Mi`. */
export type Amounts = ReadonlyMap<string, number>;

export interface NumaMemory {
  readonly id: number;
  /** Bytes of the node by type; `memory` counts huge pages, too. */
  readonly total: Amounts;
  /** Kept for the system. */
  readonly reserved: Amounts;
}

export interface Block {
  readonly numaAffinity: readonly number[];
  readonly type: string;
  /** Asked for. */
  readonly size: number;
  /** Taken from the nodes: less, where an ended init container of the Pod had some. */
  readonly charged: number;
}

interface NodeState {
  assignments: number;
  /** The nodes of its group: itself alone, or with others. */
  cells: readonly number[];
  readonly allocatable: Amounts;
  readonly free: Map<string, number>;
}

export type MachineState = ReadonlyMap<number, NodeState>;

/** The state after `blocks` were given, in that order. Throws when they do not fit the machine. */
export function machineState(nodes: readonly NumaMemory[], blocks: readonly Block[]): MachineState {
  const state: MachineState = new Map(
    nodes.map((node) => {
      const allocatable = allocatableOf(node);
      return [node.id, { assignments: 0, cells: [node.id], allocatable, free: new Map(allocatable) }];
    }),
  );
  for (const block of blocks) charge(state, block);
  return state;
}

export function allocatableOf({ total, reserved }: NumaMemory): Amounts {
  const huge = [...total].filter(([type]) => type !== 'memory').reduce((sum, [, bytes]) => sum + bytes, 0);
  return new Map(
    [...total].map(([type, bytes]) => [
      type,
      Math.max(0, bytes - (reserved.get(type) ?? 0) - (type === 'memory' ? huge : 0)),
    ]),
  );
}

function charge(state: MachineState, { numaAffinity, type, charged }: Block): void {
  let left = charged;
  for (const id of numaAffinity) {
    const node = state.get(id);
    const free = node?.free.get(type);
    if (node === undefined || free === undefined) throw new Error(`NUMA node ${id} of this machine has no ${type}`);
    node.assignments++;
    node.cells = numaAffinity;
    const taken = Math.min(left, free);
    node.free.set(type, free - taken);
    left -= taken;
  }
}

const sumOver = (state: MachineState, mask: number, pick: (node: NodeState) => number) =>
  nodesOf(mask).reduce((sum, id) => sum + pick(state.get(id) as NodeState), 0);

const freeIn = (state: MachineState, mask: number, type: string) =>
  sumOver(state, mask, ({ free }) => free.get(type) ?? 0);

/** Sets of nodes that can give all of it now; the same for each type. `reusable`: what the Pod has in a set already. */
export function memoryHints(
  state: MachineState,
  request: Amounts,
  reusable: (mask: number, type: string) => number = () => 0,
): readonly (Hint & { readonly mask: number })[] {
  const types = [...request];
  const isEnough = (amount: (type: string) => number) => types.every(([type, bytes]) => amount(type) >= bytes);
  const couldHave = (mask: number) =>
    isEnough((type) => sumOver(state, mask, ({ allocatable }) => allocatable.get(type) ?? 0));
  const has = (mask: number) =>
    couldHave(mask) &&
    isAllowed(state, mask, true) &&
    isEnough((type) => freeIn(state, mask, type) + reusable(mask, type));
  return hintsFor(
    [...state.keys()].sort((a, b) => a - b),
    1,
    (mask) => (couldHave(mask) ? 1 : 0),
    (mask) => (has(mask) ? 1 : undefined),
  );
}

/** A node alone and the same node in a group exclude each other. */
export function isAllowed(state: MachineState, mask: number, alsoAlone: boolean): boolean {
  const nodes = nodesOf(mask);
  const [first] = nodes;
  if (nodes.length === 1 && first !== undefined) return !alsoAlone || (state.get(first)?.cells.length ?? 1) === 1;
  return nodes.every((id) => {
    const node = state.get(id);
    return node === undefined || node.assignments === 0 || (node.cells.length > 1 && maskOf(node.cells) === mask);
  });
}

/** The mask to take it from, given the hint of the topology manager. Throws an Error in upstream's words. */
export function chooseMask(
  state: MachineState,
  request: Amounts,
  hint: Hint,
  reusable: (mask: number, type: string) => number,
): number {
  const hints = memoryHints(state, request, reusable);
  let chosen: Hint = hint;
  if (chosen.mask === undefined) {
    const best = bestOf(hints);
    if (best === undefined) {
      throw new Error(
        '[memorymanager] failed to get the default NUMA affinity, no NUMA nodes with enough memory is available',
      );
    }
    if (!best.preferred && hint.preferred) {
      throw new Error('[memorymanager] failed to find the default preferred hint');
    }
    chosen = best;
  }
  const mask = chosen.mask as number;
  const isEnough = [...request].every(([type, bytes]) => freeIn(state, mask, type) >= bytes);
  if (!isEnough && !hints.some((one) => one.mask === mask)) {
    // The hint is what several managers had in common, and may be a part of what is needed.
    const wider = bestOf(hints.filter((one) => (one.mask & mask) === mask));
    if (wider === undefined) {
      throw new Error('[memorymanager] failed to find NUMA nodes to extend the current topology hint');
    }
    if (!wider.preferred && hint.preferred) {
      throw new Error('[memorymanager] failed to find the extended preferred hint');
    }
    chosen = wider;
  }
  if (!isAllowed(state, chosen.mask as number, false)) {
    throw new Error('[memorymanager] preferred hint violates NUMA node allocation');
  }
  return chosen.mask as number;
}

function bestOf<T extends Hint & { readonly mask: number }>(hints: readonly T[]): T | undefined {
  return hints.reduce<T | undefined>((best, hint) => {
    if (best === undefined) return hint;
    if (best.preferred !== hint.preferred) return hint.preferred ? hint : best;
    return isNarrower(hint.mask, best.mask) ? hint : best;
  }, undefined);
}
