/**
 * Which Pods must go so that a more important one fits. Pure.
 * Source: kubernetes …/framework/preemption, …/plugins/defaultpreemption.
 */
import type { PodDisruptionBudget } from '@kapella/api/types/policy-v1';
import type { Random } from '@kapella/base';
import { promisedTo, type Search } from '../framework/decide.ts';
import { type Diagnosis, fitErrorMessage } from '../framework/fit-error.ts';
import type { NodeState } from '../framework/node-state.ts';
import { type PluginRejection, type PreemptionOptions, unresolvable, unschedulable } from '../framework/plugin.ts';
import type { PodState } from '../framework/pod-state.ts';
import type { Snapshot } from '../framework/snapshot.ts';
import type { Trial } from '../framework/trial.ts';
import { splitByBudgets } from './budgets.ts';
import { byImportance, type Candidate } from './candidates.ts';

export interface PreemptionInput {
  readonly search: Search;
  readonly diagnosis: Diagnosis;
  readonly snapshot: Snapshot;
  readonly budgets: readonly PodDisruptionBudget[];
  readonly options: PreemptionOptions;
  /** For Pods that have not started. */
  readonly nowMs: number;
  /** Where the search among the nodes starts. */
  readonly random: Random;
}

const PLUGIN = 'DefaultPreemption';
const NOBODY = { refusalOf: () => undefined, narrowedBy: [], plugins: new Set<string>() };
const NOT_HELPFUL: PluginRejection = {
  ...unresolvable('Preemption is not helpful for scheduling'),
  plugin: PLUGIN,
};
const NO_VICTIMS: PluginRejection = { ...unresolvable('No preemption victims found for incoming pod'), plugin: PLUGIN };

/** Nodes that would do, each with its victims, or why there are none, in upstream's words. */
export function findCandidates(input: PreemptionInput): readonly Candidate[] | { readonly why: string } {
  const { search, diagnosis, snapshot } = input;
  const { pod } = search.cycle;
  const ineligible = whyIneligible(pod, diagnosis, snapshot);
  if (ineligible !== undefined) return { why: `preemption: ${ineligible}` };
  const counts = new Map<PluginRejection, number>();
  const candidates = tryNodes(helpfulNodes(diagnosis, snapshot), input, (refusal) => {
    counts.set(refusal, (counts.get(refusal) ?? 0) + 1);
  });
  if (candidates.length > 0) return candidates;
  const nodeCount = snapshot.nodes.size;
  const tried = [...counts.values()].reduce((sum, count) => sum + count, 0);
  if (nodeCount > tried) counts.set(NOT_HELPFUL, nodeCount - tried);
  const all: Diagnosis = { nodeCount, counts, of: () => undefined, ...NOBODY };
  return { why: `preemption: ${fitErrorMessage(all)}` };
}

function whyIneligible(pod: PodState, { refusalOf }: Diagnosis, snapshot: Snapshot): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return 'not eligible due to preemptionPolicy=Never.';
  const nominated = pod.pod.status?.nominatedNodeName;
  if (!nominated || refusalOf(nominated)?.code === 'UnschedulableAndUnresolvable') return undefined;
  for (const other of snapshot.nodes.get(nominated)?.pods.values() ?? []) {
    if (other.priority < pod.priority && isGoingForPreemption(other)) {
      return 'not eligible due to a terminating pod on the nominated node.';
    }
  }
  return undefined;
}

function isGoingForPreemption({ pod, isTerminating }: PodState): boolean {
  const condition = pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return isTerminating && condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

/** Those that refused the Pod for something that removing Pods can change. */
function helpfulNodes({ preFilter, counts, of }: Diagnosis, { nodes }: Snapshot): NodeState[] {
  if (preFilter !== undefined) return preFilter.code === 'Unschedulable' ? [...nodes.values()] : [];
  if (![...counts.keys()].some(({ code }) => code === 'Unschedulable')) return [];
  return [...nodes.values()].filter((node) => of(node)?.code === 'Unschedulable');
}

/** Enough to choose from: not every node of a large cluster is tried. */
function tryNodes(
  nodes: readonly NodeState[],
  input: PreemptionInput,
  onRefusal: (refusal: PluginRejection) => void,
): readonly Candidate[] {
  const { minCandidateNodesPercentage, minCandidateNodesAbsolute } = input.options;
  const share = Math.trunc((nodes.length * minCandidateNodesPercentage) / 100);
  const wanted = Math.min(nodes.length, Math.max(share, minCandidateNodesAbsolute));
  const offset = nodes.length === 0 ? 0 : Math.floor(input.random.float() * nodes.length);
  const clean: Candidate[] = [];
  const violating: Candidate[] = [];
  const known = new KnownVictims(input);
  for (let i = 0; i < nodes.length; i++) {
    const node = nodes[(offset + i) % nodes.length] as NodeState;
    const found = known.victimsOn(node);
    if ('reasons' in found) {
      onRefusal(found);
      continue;
    }
    (found.budgetViolations === 0 ? clean : violating).push(found);
    if (clean.length > 0 && clean.length + violating.length >= wanted) break;
  }
  return [...clean, ...violating];
}

interface Known {
  readonly priority: number;
  readonly budgets: readonly PodDisruptionBudget[];
  readonly found: Candidate | PluginRejection;
}

/** The next Pod of a kind finds most nodes as the one before it left them: their victims are worked out once. */
class KnownVictims {
  readonly #input: PreemptionInput;
  readonly #isKept: boolean;

  constructor(input: PreemptionInput) {
    this.#input = input;
    this.#isKept = input.search.plan.looksAtNodesAlone;
  }

  victimsOn(node: NodeState): Candidate | PluginRejection {
    const { search, snapshot, budgets } = this.#input;
    const { plan, cycle } = search;
    // A promise to another Pod is no part of the node.
    if (!this.#isKept || snapshot.nominated.has(node.name)) return victimsOn(node, this.#input);
    const { priority } = cycle.pod;
    const known = plan.memo.get(node) as Known | undefined;
    if (known !== undefined && known.priority === priority && areSame(known.budgets, budgets)) return known.found;
    const found = victimsOn(node, this.#input);
    plan.memo.set(node, { priority, budgets, found } satisfies Known);
    return found;
  }
}

function areSame(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a === b || (a.length === b.length && a.every((item, i) => item === b[i]));
}

/** Takes away everything less important, then gives back as much as still leaves room: most important first. */
function victimsOn(node: NodeState, input: PreemptionInput): Candidate | PluginRejection {
  const { pod } = input.search.cycle;
  const lesser = [...node.pods.values()].filter((other) => other.priority < pod.priority);
  if (lesser.length === 0) return NO_VICTIMS;
  return input.search.plan.tryOn(node, (trial) => tryWithout(lesser, node.name, trial, input));
}

function tryWithout(
  lesser: PodState[],
  node: string,
  trial: Trial,
  { search, snapshot, budgets, nowMs }: PreemptionInput,
): Candidate | PluginRejection {
  const promised = promisedTo(node, search.cycle.pod, snapshot);
  for (const other of lesser) trial.remove(other);
  const refusal = trial.refusalWith(promised);
  if (refusal !== undefined) return refusal;

  const order = byImportance(nowMs);
  const victims: PodState[] = [];
  const { violating, others } = splitByBudgets(lesser.sort(order), budgets);
  const giveBack = (other: PodState): boolean => {
    trial.add(other);
    if (trial.refusalWith(promised) === undefined) return true;
    trial.remove(other);
    victims.push(other);
    return false;
  };
  const budgetViolations = violating.filter((other) => !giveBack(other)).length;
  for (const other of others) giveBack(other);
  if (victims.length === 0) return { ...unschedulable('expected at least one victim pod'), plugin: PLUGIN };
  return { node, victims: victims.sort(order), budgetViolations };
}
