/** The next step of a rolling update of daemons. Pure. Source: kubernetes pkg/controller/daemon/update.go. */
import { scaledValueOf } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { isAvailable, isTerminating } from '../workload/index.ts';
import { isUpdated } from './daemon-pod.ts';
import { fitOf } from './node-fit.ts';
import { type DaemonSetInput, podsByNode, surgeOf } from './plan-daemonset.ts';

export interface UpdatePlan {
  readonly createOn: readonly string[];
  readonly deletions: readonly Pod[];
}

/** The new and the old Pod of a node; undefined where there are two of either: then the node counts as changing. */
interface Pair {
  readonly node: Node | undefined;
  readonly name: string;
  readonly state: { readonly newPod: Pod | undefined; readonly oldPod: Pod | undefined } | undefined;
}

export function planUpdate(input: DaemonSetInput): UpdatePlan {
  const { set, nodes } = input;
  const wanted = nodes.filter((node) => fitOf(set, node).shouldRun).map((node) => node.metadata.name);
  const maxSurge = surgeOf(set, wanted.length);
  const { maxUnavailable = 1 } = set.spec.updateStrategy?.rollingUpdate ?? {};
  const scaled = scaledValueOf(maxUnavailable, wanted.length, 'up');
  // Neither would let anything happen.
  const unavailableMax = wanted.length > 0 && scaled === 0 && maxSurge === 0 ? 1 : scaled;
  const pairs = pairsOf(input, wanted);
  return maxSurge === 0
    ? planReplacement(input, pairs, unavailableMax)
    : planSurge(input, pairs, maxSurge, wanted.length);
}

function pairsOf({ set, pods, nodes, hash }: DaemonSetInput, wanted: readonly string[]): Pair[] {
  const byNode = podsByNode(pods);
  const byName = new Map(nodes.map((node) => [node.metadata.name, node]));
  const names = [...new Set([...byNode.keys(), ...wanted])].sort();
  return names.map((name) => {
    const staying = (byNode.get(name) ?? []).filter((pod) => !isTerminating(pod));
    const fresh = staying.filter((pod) => isUpdated(set, pod, hash));
    const old = staying.filter((pod) => !isUpdated(set, pod, hash));
    const isClear = fresh.length <= 1 && old.length <= 1;
    return { name, node: byName.get(name), state: isClear ? { newPod: fresh[0], oldPod: old[0] } : undefined };
  });
}

/** Old Pods go first, so that new ones can come. */
function planReplacement(input: DaemonSetInput, pairs: readonly Pair[], unavailableMax: number): UpdatePlan {
  const works = availabilityOf(input);
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  let unavailable = 0;
  for (const { state } of pairs) {
    const { newPod, oldPod } = state ?? {};
    if ((newPod === undefined) === (oldPod === undefined)) unavailable++;
    else if (newPod !== undefined) unavailable += works(newPod) ? 0 : 1;
    else if (oldPod !== undefined && works(oldPod)) candidates.push(oldPod);
    else if (oldPod !== undefined) {
      // It serves nobody: replacing it costs nothing.
      broken.push(oldPod);
      unavailable++;
    }
  }
  const allowed = Math.max(0, unavailableMax - unavailable);
  return { createOn: [], deletions: [...broken, ...candidates.slice(0, allowed)] };
}

/** What becomes of the Pods of one node. */
type Step = 'changing' | 'done' | 'delete-old' | 'unwanted' | 'create' | 'candidate';

/** New Pods come first, old ones go when these are available. */
function planSurge(input: DaemonSetInput, pairs: readonly Pair[], surgeMax: number, desired: number): UpdatePlan {
  const works = availabilityOf(input);
  const steps = pairs.map((pair) => ({ pair, step: surgeStep(input, pair, works) }));
  const at = (wanted: Step) => steps.filter(({ step }) => step === wanted).map(({ pair }) => pair);
  const oldPods = (chosen: readonly Pair[]) => chosen.flatMap(({ state }) => state?.oldPod ?? []);
  const names = (chosen: readonly Pair[]) => chosen.map(({ name }) => name);
  const serving = pairs.flatMap(({ state }) => state?.oldPod ?? state?.newPod ?? []);
  const spare = Math.max(0, serving.filter(works).length - desired);
  const allowed = Math.max(0, surgeMax - at('changing').length);
  return {
    createOn: [...names(at('create')), ...names(at('candidate')).slice(0, allowed)],
    deletions: [...oldPods(at('delete-old')), ...oldPods(at('unwanted')).slice(0, spare)],
  };
}

function surgeStep({ set }: DaemonSetInput, { node, state }: Pair, works: (pod: Pod) => boolean): Step {
  if (state === undefined) return 'changing';
  const { newPod, oldPod } = state;
  if (oldPod === undefined) return 'done';
  if (newPod !== undefined) return works(newPod) ? 'delete-old' : 'changing';
  const isWanted = node !== undefined && fitOf(set, node).shouldRun;
  // An old Pod that serves nobody may have its successor at once.
  if (works(oldPod)) return isWanted ? 'candidate' : 'unwanted';
  return isWanted ? 'create' : 'delete-old';
}

function availabilityOf({ set, nowMs }: DaemonSetInput): (pod: Pod) => boolean {
  return (pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}
