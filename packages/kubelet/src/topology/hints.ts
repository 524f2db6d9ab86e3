/** What each manager of resources would like, and what suits them all. Source: kubernetes pkg/kubelet/cm/topologymanager/policy*.go. */
import { countOf, isNarrower, maskOf, masksOver, nodesOf } from './masks.ts';

export interface Hint {
  /** NUMA nodes as a mask; undefined = any will do. */
  readonly mask: number | undefined;
  /** Nothing narrower could ever do. */
  readonly preferred: boolean;
}

/** By resource. undefined = no preference, an empty list = it cannot be given. */
export type Hints = ReadonlyMap<string, readonly Hint[] | undefined>;

export type TopologyPolicy = 'none' | 'best-effort' | 'restricted' | 'single-numa-node';

export interface NumaNode {
  readonly id: number;
  /** To each node, in the order of their numbers. */
  readonly distances: readonly number[];
}

export interface MergeRules {
  readonly policy: TopologyPolicy;
  readonly nodes: readonly NumaNode[];
  /** Of sets as small, the one whose nodes are near each other. */
  readonly preferClosest: boolean;
}

/**
 * Masks that could satisfy a request, the smallest ever possible ones preferred. `total`: amount in a mask when all is
 * free; `available`: amount in it now, undefined = it is out of the question.
 */
export function hintsFor(
  nodes: readonly number[],
  request: number,
  total: (mask: number) => number,
  available: (mask: number) => number | undefined,
): readonly (Hint & { readonly mask: number })[] {
  let smallest = nodes.length;
  const found: number[] = [];
  for (const mask of masksOver(nodes)) {
    if (total(mask) >= request && countOf(mask) < smallest) smallest = countOf(mask);
    const amount = available(mask);
    if (amount !== undefined && amount >= request) found.push(mask);
  }
  return found.map((mask) => ({ mask, preferred: countOf(mask) === smallest }));
}

/** The hint that suits all providers best, and whether the policy lets the Pod in with it. */
export function mergeHints(
  providers: readonly Hints[],
  rules: MergeRules,
): { readonly hint: Hint; readonly isAdmitted: boolean } {
  const everything = maskOf(rules.nodes.map(({ id }) => id));
  const lists = providers.flatMap(listsOf).map((list) => (rules.policy === 'single-numa-node' ? single(list) : list));
  const best = bestOf(lists, everything, rules) ?? { mask: everything, preferred: false };
  const isAnywhere = rules.policy === 'single-numa-node' && best.mask === everything;
  const hint: Hint = isAnywhere ? { mask: undefined, preferred: best.preferred } : best;
  return { hint, isAdmitted: rules.policy === 'best-effort' || hint.preferred };
}

const NO_PREFERENCE: readonly Hint[] = [{ mask: undefined, preferred: true }];
const IMPOSSIBLE: readonly Hint[] = [{ mask: undefined, preferred: false }];

function listsOf(hints: Hints): readonly (readonly Hint[])[] {
  if (hints.size === 0) return [NO_PREFERENCE];
  return [...hints.values()].map((list) => {
    if (list === undefined) return NO_PREFERENCE;
    return list.length === 0 ? IMPOSSIBLE : list;
  });
}

const single = (list: readonly Hint[]) =>
  list.filter(({ mask, preferred }) => preferred && (mask === undefined || countOf(mask) === 1));

interface Merged {
  readonly mask: number;
  readonly preferred: boolean;
}

/** One hint of each list in all combinations; what they have in common, if anything. */
function bestOf(lists: readonly (readonly Hint[])[], everything: number, rules: MergeRules): Merged | undefined {
  const widest = Math.max(0, ...lists.map(narrowestCount));
  let best: Merged | undefined;
  const visit = (at: number, chosen: readonly Hint[]): void => {
    const list = lists[at];
    if (list === undefined) best = better(best, merge(chosen, everything), widest, rules);
    else for (const hint of list) visit(at + 1, [...chosen, hint]);
  };
  visit(0, []);
  return best;
}

function narrowestCount(list: readonly Hint[]): number {
  const masks = list.flatMap(({ mask }) => (mask === undefined ? [] : [mask]));
  return masks.length === 0 ? 0 : countOf(masks.reduce((a, b) => (isNarrower(b, a) ? b : a)));
}

function merge(hints: readonly Hint[], everything: number): Merged {
  const masks = hints.flatMap(({ mask }) => (mask === undefined ? [] : [mask]));
  const isEqual = masks.every((mask) => mask === masks[0]);
  return {
    mask: masks.reduce((common, mask) => common & mask, everything),
    preferred: isEqual && hints.every(({ preferred }) => preferred),
  };
}

/** `widest`: what the provider that needs most nodes needs at least; without a preferred hint, near that is best. */
function better(current: Merged | undefined, next: Merged, widest: number, rules: MergeRules): Merged | undefined {
  if (next.mask === 0) return current;
  if (current === undefined) return next;
  if (current.preferred !== next.preferred) return current.preferred ? current : next;
  if (current.preferred) return fitter(current, next, rules);
  const [has, would] = [countOf(current.mask), countOf(next.mask)];
  if (has > widest) return fitter(current, next, rules);
  if (has === widest) return would === widest ? fitter(current, next, rules) : current;
  if (would > widest) return current;
  if (would === has) return fitter(current, next, rules);
  return would > has ? next : current;
}

function fitter(current: Merged, next: Merged, rules: MergeRules): Merged {
  if (current.mask === next.mask) return current;
  const byDistance = rules.preferClosest && rules.policy !== 'single-numa-node';
  if (!byDistance || countOf(current.mask) !== countOf(next.mask))
    return isNarrower(current.mask, next.mask) ? current : next;
  const difference = meanDistance(current.mask, rules.nodes) - meanDistance(next.mask, rules.nodes);
  if (difference === 0) return current.mask < next.mask ? current : next;
  return difference < 0 ? current : next;
}

function meanDistance(mask: number, nodes: readonly NumaNode[]): number {
  const ids = nodesOf(mask);
  const order = nodes.map(({ id }) => id).toSorted((a, b) => a - b);
  const distance = (from: number, to: number) => nodes.find(({ id }) => id === from)?.distances[order.indexOf(to)] ?? 0;
  const all = ids.flatMap((from) => ids.map((to) => distance(from, to)));
  return all.reduce((sum, one) => sum + one, 0) / all.length;
}
