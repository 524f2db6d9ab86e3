/** The decision: which node a Pod goes to, or why to none. Pure but for the tie-break's random number. */
import type { Random } from '@kapella/base';
import { isRejection, type Rejection, SCORE_MAX, type SchedulerPlugin } from './plugin.ts';
import type { NodeState, PodState, Snapshot } from './snapshot.ts';

export interface Profile {
  readonly schedulerName: string;
  // biome-ignore lint/suspicious/noExplicitAny: each plugin has a state type of its own
  readonly plugins: readonly SchedulerPlugin<any>[];
}

export interface Decision {
  /** The chosen node; undefined: none fits. */
  readonly node?: string;
  readonly feasible: readonly string[];
  /** Of each node that does not fit, the first plugin that refused it. */
  readonly rejections: ReadonlyMap<string, Rejection & { readonly plugin: string }>;
  /** Total score of each feasible node. */
  readonly scores: ReadonlyMap<string, number>;
}

interface Filtering {
  readonly plugin: SchedulerPlugin<unknown>;
  readonly state: unknown;
}

export function decide(pod: PodState, snapshot: Snapshot, profile: Profile, random: Random): Decision {
  const nodes = [...snapshot.nodes.values()];
  const { feasible, rejections } = filterNodes(pod, nodes, snapshot, profile);
  const names = feasible.map((node) => node.name);
  if (feasible.length === 0) return { feasible: names, rejections, scores: new Map() };
  const totals = feasible.length === 1 ? [0] : scoreNodes(pod, feasible, snapshot, profile);
  return {
    node: (feasible[pickBest(totals, random)] as NodeState).name,
    feasible: names,
    rejections,
    scores: new Map(feasible.map((node, i) => [node.name, totals[i] as number])),
  };
}

export function filterNodes(
  pod: PodState,
  nodes: readonly NodeState[],
  snapshot: Snapshot,
  profile: Profile,
): { readonly feasible: NodeState[]; readonly rejections: Map<string, Rejection & { readonly plugin: string }> } {
  const rejections = new Map<string, Rejection & { readonly plugin: string }>();
  const filters: Filtering[] = [];
  for (const plugin of profile.plugins as readonly SchedulerPlugin[]) {
    const before = plugin.preFilter?.(pod, snapshot);
    if (before === 'skip') continue;
    if (isRejection(before)) {
      for (const node of nodes) rejections.set(node.name, { ...(before as Rejection), plugin: plugin.name });
      return { feasible: [], rejections };
    }
    if (plugin.filter !== undefined) filters.push({ plugin, state: (before as { state: unknown } | undefined)?.state });
  }
  const feasible: NodeState[] = [];
  for (const node of nodes) {
    const refusal = firstRefusal(pod, node, filters, snapshot);
    if (refusal === undefined) feasible.push(node);
    else rejections.set(node.name, refusal);
  }
  return { feasible, rejections };
}

function firstRefusal(pod: PodState, node: NodeState, filters: readonly Filtering[], snapshot: Snapshot) {
  for (const { plugin, state } of filters) {
    const refusal = plugin.filter?.(pod, node, state, snapshot);
    if (refusal !== undefined) return { ...refusal, plugin: plugin.name };
  }
  return undefined;
}

function scoreNodes(pod: PodState, nodes: readonly NodeState[], snapshot: Snapshot, profile: Profile): number[] {
  const totals = nodes.map(() => 0);
  for (const plugin of profile.plugins as readonly SchedulerPlugin[]) {
    if (plugin.score === undefined) continue;
    const before = plugin.preScore?.(pod, nodes, snapshot);
    if (before === 'skip') continue;
    const state = before?.state;
    const scores = nodes.map((node) => plugin.score?.(pod, node, state, snapshot) ?? 0);
    normalize(plugin, scores, nodes, state);
    const weight = plugin.weight ?? 1;
    for (let i = 0; i < totals.length; i++) totals[i] = (totals[i] as number) + weight * (scores[i] as number);
  }
  return totals;
}

function normalize(
  plugin: SchedulerPlugin<unknown>,
  scores: number[],
  nodes: readonly NodeState[],
  state: unknown,
): void {
  if (plugin.normalize === undefined) return;
  if (typeof plugin.normalize === 'function') {
    plugin.normalize(scores, nodes, state);
    return;
  }
  const max = Math.max(0, ...scores);
  const reverse = plugin.normalize === 'max-is-worst';
  for (let i = 0; i < scores.length; i++) {
    const share = max === 0 ? 0 : Math.trunc((SCORE_MAX * (scores[i] as number)) / max);
    scores[i] = reverse ? SCORE_MAX - share : share;
  }
}

/** Index of the highest total; each of several equals with the same chance. */
function pickBest(totals: readonly number[], random: Random): number {
  let best = 0;
  let equals = 1;
  for (let i = 1; i < totals.length; i++) {
    if ((totals[i] as number) > (totals[best] as number)) {
      best = i;
      equals = 1;
    } else if (totals[i] === totals[best]) {
      equals++;
      if (random.float() * equals < 1) best = i;
    }
  }
  return best;
}

/** `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had …` Source: framework/types.go FitError. */
export function fitErrorMessage(nodeCount: number, rejections: Iterable<Rejection>, preemption: string): string {
  const counts = new Map<string, number>();
  for (const rejection of rejections) {
    for (const reason of rejection.reasons ?? [rejection.reason]) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const head = nodeCount === 0 ? 'no nodes available to schedule pods' : `0/${nodeCount} nodes are available`;
  const reasons = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  const body = reasons.length === 0 ? '' : `: ${reasons.join(', ')}.`;
  return `${head}${body}${preemption === '' ? '' : ` ${preemption}`}`;
}
