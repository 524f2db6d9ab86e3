/** Where Pods of a DaemonSet are missing and which are too many; its status. Pure. Source: …/daemon/daemon_controller.go. */
import { scaledValueOf } from '@kapella/api';
import type { DaemonSet, DaemonSetStatus } from '@kapella/api/types/apps-v1';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { isAvailable, isReady, isTerminal, isTerminating, entryOf } from '../workload/index.ts';
import { byAge, HASH_LABEL, isUpdated, nodeOf } from './daemon-pod.ts';
import { fitOf } from './node-fit.ts';

export interface DaemonSetInput {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  /** Of the set. */
  readonly pods: readonly Pod[];
  /** Of the update revision. */
  readonly hash: string;
  /** How long a failed Pod of the node must stay yet; 0 when it may go. */
  readonly backoffMs: (nodeName: string) => number;
  readonly nowMs: number;
}

export interface DaemonSetPlan {
  /** Names of nodes. */
  readonly createOn: readonly string[];
  readonly deletions: readonly Pod[];
  /** Those of `deletions` that failed or ended: told as Events. */
  readonly finished: readonly { readonly pod: Pod; readonly nodeName: string }[];
  readonly recheckAfterMs: number | undefined;
}

type PodsByNode = ReadonlyMap<string, readonly Pod[]>;

/** Pods that ended and are going need no place any more. */
export function podsByNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const byNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    if (isTerminal(pod) && isTerminating(pod)) continue;
    const name = nodeOf(pod);
    if (name === undefined) continue;
    const present = byNode.get(name);
    if (present === undefined) byNode.set(name, [pod]);
    else present.push(pod);
  }
  return byNode;
}

export function planDaemonSet(input: DaemonSetInput): DaemonSetPlan {
  const byNode = podsByNode(input.pods);
  const plans = input.nodes.map((node) => planNode(input, node, byNode.get(node.metadata.name)));
  const known = new Set(input.nodes.map((node) => node.metadata.name));
  const stray = [...byNode]
    .filter(([name]) => !known.has(name))
    .flatMap(([, pods]) => pods.filter((pod) => !pod.spec.nodeName));
  const waits = plans.map((plan) => plan.recheckAfterMs).filter((ms) => ms !== undefined);
  return {
    createOn: plans.flatMap((plan) => plan.createOn),
    deletions: [...plans.flatMap((plan) => plan.deletions), ...stray],
    finished: plans.flatMap((plan) => plan.finished),
    recheckAfterMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

const NOTHING: DaemonSetPlan = { createOn: [], deletions: [], finished: [], recheckAfterMs: undefined };

function planNode(input: DaemonSetInput, node: Node, pods: readonly Pod[] | undefined): DaemonSetPlan {
  const { shouldRun, shouldContinue } = fitOf(input.set, node);
  const { name } = node.metadata;
  if (shouldRun && pods === undefined) return { ...NOTHING, createOn: [name] };
  if (pods === undefined) return NOTHING;
  const staying = pods.filter((pod) => !isTerminating(pod));
  if (!shouldContinue) return { ...NOTHING, deletions: staying };

  const delayMs = input.backoffMs(name);
  const failed = staying.filter((pod) => pod.status?.phase === 'Failed');
  const finished = staying.filter((pod) => isTerminal(pod) && !(failed.includes(pod) && delayMs > 0));
  const running = staying.filter((pod) => !isTerminal(pod)).toSorted(byAge);
  const extra = allowsSurge(input.set) ? surplusOfSurge(input, running) : running.slice(1);
  return {
    createOn: allowsSurge(input.set) && running.length === 0 && shouldRun ? [name] : [],
    deletions: [...finished, ...extra],
    finished: finished.map((pod) => ({ pod, nodeName: name })),
    recheckAfterMs: failed.length > 0 && delayMs > 0 ? delayMs : undefined,
  };
}

/** One old and one new Pod may be side by side until the new one is available. */
function surplusOfSurge({ set, hash, nowMs }: DaemonSetInput, running: readonly Pod[]): Pod[] {
  if (running.length <= 1) return [];
  const isNew = (pod: Pod) => entryOf(pod.metadata.labels, HASH_LABEL) === hash;
  const newest = running.find(isNew);
  const oldest = running.find((pod) => !isNew(pod));
  const surplus = running.filter((pod) => pod !== newest && pod !== oldest);
  if (newest === undefined || oldest === undefined) return surplus;
  const isDone = !isReady(oldest) || isAvailable(newest, set.spec.minReadySeconds ?? 0, nowMs);
  return isDone ? [...surplus, oldest] : surplus;
}

export function allowsSurge(set: DaemonSet): boolean {
  return surgeOf(set, 1) > 0;
}

export function surgeOf(set: DaemonSet, total: number): number {
  const maxSurge =
    set.spec.updateStrategy?.type === 'RollingUpdate' ? set.spec.updateStrategy.rollingUpdate?.maxSurge : undefined;
  return maxSurge === undefined ? 0 : scaledValueOf(maxSurge, total, 'up');
}

export type DaemonSetCounts = Required<
  Pick<
    DaemonSetStatus,
    | 'desiredNumberScheduled'
    | 'currentNumberScheduled'
    | 'numberMisscheduled'
    | 'numberReady'
    | 'updatedNumberScheduled'
    | 'numberAvailable'
    | 'numberUnavailable'
  >
>;

export function countDaemons({ set, nodes, pods, hash, nowMs }: DaemonSetInput): DaemonSetCounts {
  const byNode: PodsByNode = podsByNode(pods);
  const wanted = nodes.filter((node) => fitOf(set, node).shouldRun);
  const unwanted = nodes.filter((node) => !fitOf(set, node).shouldRun);
  const has = (node: Node) => byNode.has(node.metadata.name);
  const shown = wanted.filter(has).map((node) => byNode.get(node.metadata.name)?.toSorted(byAge)[0] as Pod);
  const ready = shown.filter(isReady);
  const numberAvailable = ready.filter((pod) => isAvailable(pod, set.spec.minReadySeconds ?? 0, nowMs)).length;
  return {
    desiredNumberScheduled: wanted.length,
    currentNumberScheduled: shown.length,
    numberMisscheduled: unwanted.filter(has).length,
    numberReady: ready.length,
    updatedNumberScheduled: shown.filter((pod) => isUpdated(set, pod, hash)).length,
    numberAvailable,
    numberUnavailable: wanted.length - numberAvailable,
  };
}
