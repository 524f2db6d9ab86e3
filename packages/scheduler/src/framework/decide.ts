/** The decision: which node a Pod goes to, or why to none. Pure but for the tie-break's random number. */
import type { Random } from '@kapella/base';
import type { Diagnosis } from './fit-error.ts';
import type { NodeState } from './node-state.ts';
import type { Plan } from './plan.ts';
import type { Planner } from './planner.ts';
import type { Cycle, PluginRejection } from './plugin.ts';
import type { PodState } from './pod-state.ts';
import type { Profile } from './profile.ts';
import type { Ranking } from './ranking.ts';
import { pickBest } from './scores.ts';
import type { Snapshot } from './snapshot.ts';

/** Nodes that fit, before they are scored: extenders may take some away. */
export interface Search {
  readonly cycle: Cycle;
  readonly plan: Plan;
  /** Of nodes that fit but for Pods that are promised the node. */
  readonly overruled: ReadonlyMap<string, PluginRejection>;
  readonly evaluatedCount: number;
  /** Set where nothing but each node by itself counts: the plan was not run, and need not be. */
  readonly ranking?: Ranking | undefined;
}

export interface Decision extends Search {
  /** The chosen node; undefined: none fits. */
  readonly node?: string;
  readonly feasibleCount: number;
}

export function decide(
  pod: PodState,
  snapshot: Snapshot,
  profile: Profile,
  planner: Planner,
  random: Random,
): Decision {
  return choose(search(pod, snapshot, profile, planner, { mayRank: true }), snapshot, random);
}

const NOBODY: ReadonlyMap<string, PluginRejection> = new Map();

/** `mayRank`: whoever asks goes on to `choose`, and needs none of the plan's slots and totals. */
export function search(
  pod: PodState,
  snapshot: Snapshot,
  profile: Profile,
  planner: Planner,
  { mayRank = false } = {},
): Search {
  const plan = planner.planFor(pod, profile);
  const cycle: Cycle = { pod, filterStates: plan.filterStates };
  const nodeCount = snapshot.nodes.size;
  const promised = snapshot.nominatedNode(pod.key) ?? pod.pod.status?.nominatedNodeName;
  const isPlain = mayRank && !promised && snapshot.nominated.size === 0 && profile.percentageOfNodesToScore === undefined;
  const ranking = isPlain ? plan.ranked() : undefined;
  if (ranking !== undefined && ranking.count > 0) {
    plan.count = ranking.count;
    return { cycle, plan, overruled: NOBODY, evaluatedCount: nodeCount, ranking };
  }
  plan.run();
  const overruled = leavePromised(pod, plan, snapshot);
  const own = promised ? snapshot.nodes.get(promised) : undefined;
  // The node that others were removed from for this Pod is taken as soon as it fits.
  if (own !== undefined && plan.slots.subarray(0, plan.count).includes(own.slot)) plan.retain((node) => node === own);
  else {
    const max = feasibleCountMax(nodeCount, profile.percentageOfNodesToScore);
    if (max < nodeCount) planner.nextSlot = plan.limit(max, planner.nextSlot);
  }
  return { cycle, plan, overruled, evaluatedCount: nodeCount };
}

/** `extra`: scores of extenders by node, added to the plugins'. */
export function choose(
  found: Search,
  snapshot: Snapshot,
  random: Random,
  extra?: ReadonlyMap<string, number>,
): Decision {
  const { plan, ranking } = found;
  const feasibleCount = plan.count;
  if (ranking !== undefined) {
    return { ...found, feasibleCount, node: (snapshot.slots[ranking.pick(random)] as NodeState).name };
  }
  if (feasibleCount === 0) return { ...found, feasibleCount };
  const nameAt = (i: number) => (snapshot.slots[plan.slots[i] as number] as NodeState).name;
  if (feasibleCount === 1) return { ...found, feasibleCount, node: nameAt(0) };
  const totals = plan.totals();
  if (extra !== undefined) {
    for (let i = 0; i < feasibleCount; i++) totals[i] = (totals[i] as number) + (extra.get(nameAt(i)) ?? 0);
  }
  return { ...found, feasibleCount, node: nameAt(pickBest(totals, feasibleCount, random)) };
}

/** Why the nodes that do not fit do not. For a search that found none; `extra`: what extenders refused. */
export function diagnose(
  { plan, overruled }: Search,
  snapshot: Snapshot,
  extra?: ReadonlyMap<string, PluginRejection>,
): Diagnosis {
  const nodeCount = snapshot.nodes.size;
  const { refusal, narrowedBy } = plan;
  if (refusal !== undefined) {
    const plugins = new Set([refusal.plugin, ...narrowedBy]);
    const nobody = { counts: new Map(), narrowedBy: [], plugins };
    return { nodeCount, preFilter: refusal, of: () => refusal, refusalOf: () => refusal, ...nobody };
  }
  const isPlain = overruled.size === 0 && extra === undefined;
  const of = (node: NodeState) =>
    isPlain ? plan.refusalOf(node) : (overruled.get(node.name) ?? plan.refusalOf(node) ?? extra?.get(node.name));
  const counts = countsOf(plan.candidates(), of);
  const refusalOf = (name: string) => {
    const node = snapshot.nodes.get(name);
    return node === undefined ? undefined : of(node);
  };
  const plugins = new Set([...narrowedBy, ...[...counts.keys()].map(({ plugin }) => plugin)]);
  return { nodeCount, counts, of, refusalOf, narrowedBy, plugins };
}

/** Neighbours mostly share their refusal: it is looked up once for all of them. */
function countsOf(nodes: Iterable<NodeState>, of: (node: NodeState) => PluginRejection | undefined) {
  const counts = new Map<PluginRejection, number>();
  let last: PluginRejection | undefined;
  let run = 0;
  const note = () => {
    if (last !== undefined && run > 0) counts.set(last, (counts.get(last) ?? 0) + run);
    run = 0;
  };
  for (const node of nodes) {
    const reason = of(node);
    if (reason !== last) note();
    last = reason;
    run++;
  }
  note();
  return counts;
}

/** Pods at least as important, to which the node is promised, count as if they were there. */
export function promisedTo(node: string, pod: PodState, snapshot: Snapshot): PodState[] {
  const pods = snapshot.nominated.get(node);
  if (pods === undefined) return [];
  return [...pods.values()].filter((other) => other.key !== pod.key && other.priority >= pod.priority);
}

function leavePromised(pod: PodState, plan: Plan, snapshot: Snapshot): ReadonlyMap<string, PluginRejection> {
  const overruled = new Map<string, PluginRejection>();
  if (snapshot.nominated.size === 0 || plan.count === 0) return overruled;
  for (const name of snapshot.nominated.keys()) {
    const node = snapshot.nodes.get(name);
    const promised = promisedTo(name, pod, snapshot);
    if (node === undefined || promised.length === 0) continue;
    const refusal = plan.tryOn(node, (trial) => trial.refusalWith(promised));
    if (refusal !== undefined) overruled.set(name, refusal);
  }
  if (overruled.size > 0) plan.retain((node) => !overruled.has(node.name));
  return overruled;
}

const FEASIBLE_MIN = 100;

function feasibleCountMax(nodeCount: number, percentage: number | undefined): number {
  if (percentage === undefined || percentage >= 100 || nodeCount < FEASIBLE_MIN) return nodeCount;
  return Math.max(FEASIBLE_MIN, Math.trunc((nodeCount * percentage) / 100));
}
