/** Which Pods must go so that a more important one fits. Pure. Source: kubernetes …/framework/preemption. */
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import { compileLabelSelector } from '@kapella/api';
import { filterNodes, type Profile } from '../framework/decide.ts';
import type { Rejection } from '../framework/plugin.ts';
import { type NodeState, type PodState, Snapshot } from '../framework/snapshot.ts';

export interface Preemption {
  readonly node: string;
  readonly victims: readonly PodState[];
}

interface Candidate extends Preemption {
  readonly budgetViolations: number;
}

/** Answers the best node with its victims, or why there is none, in upstream's words. */
export function planPreemption(
  pod: PodState,
  snapshot: Snapshot,
  rejections: ReadonlyMap<string, Rejection>,
  profile: Profile,
  budgets: readonly PodDisruptionBudget[],
): Preemption | { readonly why: string } {
  if (pod.pod.spec.preemptionPolicy === 'Never')
    return { why: 'preemption: not eligible due to preemptionPolicy=Never.' };
  const why = new Map<string, string>();
  const candidates: Candidate[] = [];
  for (const [name, rejection] of rejections) {
    const node = snapshot.nodes.get(name);
    if (node === undefined) continue;
    if (rejection.code === 'UnschedulableAndUnresolvable') {
      why.set(name, 'Preemption is not helpful for scheduling');
      continue;
    }
    const candidate = victimsOn(node, pod, snapshot, profile, budgets);
    if (candidate === undefined) why.set(name, 'No preemption victims found for incoming pod');
    else candidates.push(candidate);
  }
  candidates.sort(compareCandidates);
  return candidates[0] ?? { why: explain(why, rejections.size) };
}

function explain(why: ReadonlyMap<string, string>, nodeCount: number): string {
  if (nodeCount === 0) return '';
  const counts = new Map<string, number>();
  for (const reason of why.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  const list = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `preemption: 0/${nodeCount} nodes are available: ${list.join(', ')}.`;
}

/** Takes away everything less important, then gives back as much as still leaves room: most important first. */
function victimsOn(
  node: NodeState,
  pod: PodState,
  snapshot: Snapshot,
  profile: Profile,
  budgets: readonly PodDisruptionBudget[],
): Candidate | undefined {
  const lesser = [...node.pods.values()].filter((other) => other.priority < pod.priority);
  if (lesser.length === 0) return undefined;
  const trial = node.clone();
  for (const other of lesser) trial.remove(other.key);
  const view = withNode(snapshot, trial);
  const fits = () => filterNodes(pod, [trial], view, profile).feasible.length === 1;
  if (!fits()) return undefined;

  const victims: PodState[] = [];
  const { violating, others } = splitByBudgets(lesser, budgets);
  let budgetViolations = 0;
  for (const other of [...violating.sort(byImportance), ...others.sort(byImportance)]) {
    trial.add(other);
    if (fits()) continue;
    trial.remove(other.key);
    victims.push(other);
    if (violating.includes(other)) budgetViolations++;
  }
  return { node: node.name, victims, budgetViolations };
}

/** The snapshot with one node exchanged. */
function withNode(snapshot: Snapshot, node: NodeState): Snapshot {
  const view = new Snapshot(snapshot.lookup);
  for (const [name, state] of snapshot.nodes) view.nodes.set(name, name === node.name ? node : state);
  return view;
}

function splitByBudgets(pods: readonly PodState[], budgets: readonly PodDisruptionBudget[]) {
  const allowed = budgets.map((budget) => ({
    namespace: budget.metadata.namespace,
    selector: compileLabelSelector(budget.spec.selector),
    left: budget.status?.disruptionsAllowed ?? 0,
  }));
  const violating: PodState[] = [];
  const others: PodState[] = [];
  for (const pod of pods) {
    const { namespace, labels } = pod.pod.metadata;
    const covering = allowed.filter((b) => b.namespace === namespace && b.selector.matches(labels ?? {}));
    for (const budget of covering) budget.left--;
    (covering.some((budget) => budget.left < 0) ? violating : others).push(pod);
  }
  return { violating, others };
}

/** Higher priority, then longer running, comes first. */
function byImportance(a: PodState, b: PodState): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  const started = (pod: PodState) => pod.pod.status?.startTime ?? '9999';
  return started(a) < started(b) ? -1 : 1;
}

/** Fewest budget violations, then least important victims, then fewest victims. */
function compareCandidates(a: Candidate, b: Candidate): number {
  const highest = (c: Candidate) => Math.max(...c.victims.map((victim) => victim.priority));
  const sum = (c: Candidate) => c.victims.reduce((total, victim) => total + victim.priority + 2 ** 31, 0);
  return (
    a.budgetViolations - b.budgetViolations ||
    highest(a) - highest(b) ||
    sum(a) - sum(b) ||
    a.victims.length - b.victims.length
  );
}
