/** Pods that want to be near to or far from other Pods. Source: kubernetes …/plugins/interpodaffinity. */
import type { Pod } from '@kapella/api/types/core-v1';
import { defineSchedulerPlugin, SCORE_MAX } from '../../framework/plugin.ts';
import { type CompiledTerm, compileTerm, topologyValue } from '../../framework/pod-terms.ts';
import type { NodeState, PodState, Snapshot } from '../../framework/snapshot.ts';

/** How many matching Pods there are per `topology key\0value`. */
type Counts = Map<string, number>;

interface FilterState {
  readonly affinity: readonly CompiledTerm[];
  readonly antiAffinity: readonly CompiledTerm[];
  /** Per affinity term; Pods that match all affinity terms. */
  readonly affinityCounts: Counts;
  readonly antiAffinityCounts: Counts;
  /** Places where a running Pod's anti-affinity forbids this Pod. */
  readonly forbidden: Counts;
}

interface ScoreState {
  readonly weights: Counts;
}

export const interPodAffinity = defineSchedulerPlugin<FilterState & ScoreState>({
  name: 'InterPodAffinity',
  weight: 2,
  wakeOn: ['pod.add', 'pod.delete', 'pod.update', 'node.add', 'node.labels'],
  preFilter(pod, snapshot) {
    const affinity = requiredTerms(pod.pod, 'podAffinity', snapshot);
    const antiAffinity = requiredTerms(pod.pod, 'podAntiAffinity', snapshot);
    const state: FilterState = { affinity, antiAffinity, ...emptyCounts() };
    for (const { pod: other, node } of snapshot.pods()) countPod(pod, other, node, state, snapshot);
    const nothingToSay = affinity.length === 0 && antiAffinity.length === 0 && state.forbidden.size === 0;
    return nothingToSay ? 'skip' : { state: { ...state, weights: new Map() } };
  },
  filter(pod, node, state) {
    if (!meetsAffinity(pod, node, state)) {
      return { code: 'UnschedulableAndUnresolvable', reason: "node(s) didn't match pod affinity rules" };
    }
    if (state.antiAffinity.some((term) => countAt(node, term.topologyKey, state.antiAffinityCounts) > 0)) {
      return { code: 'Unschedulable', reason: "node(s) didn't match pod anti-affinity rules" };
    }
    for (const key of state.forbidden.keys()) {
      const [topologyKey = '', value] = key.split('\0');
      if (topologyValue(node.node.metadata.labels, topologyKey) === value) {
        return { code: 'Unschedulable', reason: "node(s) didn't satisfy existing pods anti-affinity rules" };
      }
    }
    return undefined;
  },
  preScore(pod, _nodes, snapshot) {
    const weights = preferenceWeights(pod, snapshot);
    return weights.size === 0 ? 'skip' : { state: { weights } as FilterState & ScoreState };
  },
  score(_pod, node, { weights }) {
    let sum = 0;
    for (const [key, weight] of weights) {
      const [topologyKey = '', value] = key.split('\0');
      if (topologyValue(node.node.metadata.labels, topologyKey) === value) sum += weight;
    }
    return sum;
  },
  normalize(scores) {
    const min = Math.min(...scores);
    const spread = Math.max(...scores) - min;
    for (let i = 0; i < scores.length; i++) {
      scores[i] = spread === 0 ? 0 : Math.trunc((SCORE_MAX * ((scores[i] as number) - min)) / spread);
    }
  },
});

const emptyCounts = () => ({ affinityCounts: new Map(), antiAffinityCounts: new Map(), forbidden: new Map() });

function requiredTerms(pod: Pod, kind: 'podAffinity' | 'podAntiAffinity', snapshot: Snapshot): CompiledTerm[] {
  const terms = pod.spec.affinity?.[kind]?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  return terms.map((term) => compileTerm(term, pod, snapshot));
}

function countPod(pod: PodState, other: PodState, node: NodeState, state: FilterState, snapshot: Snapshot): void {
  if (state.affinity.length > 0 && state.affinity.every((term) => term.matches(other.pod))) {
    for (const term of state.affinity) addAt(node, term.topologyKey, 1, state.affinityCounts);
  }
  for (const term of state.antiAffinity) {
    if (term.matches(other.pod)) addAt(node, term.topologyKey, 1, state.antiAffinityCounts);
  }
  if (other.pod.spec.affinity?.podAntiAffinity === undefined) return;
  for (const term of requiredTerms(other.pod, 'podAntiAffinity', snapshot)) {
    if (term.matches(pod.pod)) addAt(node, term.topologyKey, 1, state.forbidden);
  }
}

function addAt(node: NodeState, topologyKey: string, amount: number, counts: Counts): void {
  const value = topologyValue(node.node.metadata.labels, topologyKey);
  if (value === undefined) return;
  const key = `${topologyKey}\0${value}`;
  counts.set(key, (counts.get(key) ?? 0) + amount);
}

function countAt(node: NodeState, topologyKey: string, counts: Counts): number {
  const value = topologyValue(node.node.metadata.labels, topologyKey);
  return value === undefined ? 0 : (counts.get(`${topologyKey}\0${value}`) ?? 0);
}

/** The first Pod of a group that wants to be near itself may go anywhere that has the topology label. */
function meetsAffinity(pod: PodState, node: NodeState, state: FilterState): boolean {
  const labels = node.node.metadata.labels;
  if (state.affinity.some((term) => topologyValue(labels, term.topologyKey) === undefined)) return false;
  if (state.affinity.every((term) => countAt(node, term.topologyKey, state.affinityCounts) > 0)) return true;
  return state.affinityCounts.size === 0 && state.affinity.every((term) => term.matches(pod.pod));
}

/** Preferences of this Pod about others and of others about this Pod, as weights per place. */
function preferenceWeights(pod: PodState, snapshot: Snapshot): Counts {
  const weights: Counts = new Map();
  const own = preferred(pod.pod, snapshot);
  const addMatching = (terms: readonly WeightedTerm[], subject: Pod, node: NodeState) => {
    for (const { term, weight } of terms) {
      if (term.matches(subject)) addAt(node, term.topologyKey, weight, weights);
    }
  };
  for (const { pod: other, node } of snapshot.pods()) {
    addMatching(own, other.pod, node);
    if (other.pod.spec.affinity === undefined) continue;
    addMatching(preferred(other.pod, snapshot), pod.pod, node);
    const required = requiredTerms(other.pod, 'podAffinity', snapshot);
    addMatching(
      required.map((term) => ({ term, weight: 1 })),
      pod.pod,
      node,
    );
  }
  return weights;
}

interface WeightedTerm {
  readonly term: CompiledTerm;
  readonly weight: number;
}

function preferred(pod: Pod, snapshot: Snapshot): WeightedTerm[] {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const near = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const far = podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...near.map((entry) => ({ term: compileTerm(entry.podAffinityTerm, pod, snapshot), weight: entry.weight })),
    ...far.map((entry) => ({ term: compileTerm(entry.podAffinityTerm, pod, snapshot), weight: -entry.weight })),
  ];
}
