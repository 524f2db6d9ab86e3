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

/** New Pods come first, old ones go when these are available. */
function planSurge(input: DaemonSetInput, pairs: readonly Pair[], surgeMax: number, desired: number): UpdatePlan {
  const works = availabilityOf(input);
  const deletions: Pod[] = [];
  const unwanted: Pod[] = [];
  const allowedNodes: string[] = [];
  const candidates: string[] = [];
  let surge = 0;
  let available = 0;
  for (const { name, node, state } of pairs) {
    if (state === undefined) {
      surge++;
      continue;
    }
    const { newPod, oldPod } = state;
    const serving = oldPod ?? newPod;
    if (serving !== undefined && works(serving)) available++;
    if (oldPod === undefined) continue;
    if (newPod !== undefined) {
      if (works(newPod)) deletions.push(oldPod);
      else surge++;
      continue;
    }
    const isWanted = node !== undefined && fitOf(input.set, node).shouldRun;
    if (works(oldPod)) isWanted ? candidates.push(name) : unwanted.push(oldPod);
    else if (isWanted) allowedNodes.push(name);
    else deletions.push(oldPod);
  }
  const spare = Math.max(0, available - desired);
  const createOn = [...allowedNodes, ...candidates.slice(0, Math.max(0, surgeMax - surge))];
  return { createOn, deletions: [...deletions, ...unwanted.slice(0, spare)] };
}

function availabilityOf({ set, nowMs }: DaemonSetInput): (pod: Pod) => boolean {
  return (pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs);
}
