/** Keeps DaemonSets. Source: kubernetes pkg/controller/daemon/daemon_controller.go. */
import { appsV1, compileLabelSelector, coreV1, keyOf } from '@kapella/api';
import type { DaemonSet, DaemonSetStatus } from '@kapella/api/types/apps-v1';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, jsonEqual } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  defineController,
  type ReconcileResult,
  type WatchSource,
} from '@kapella/controller';
import * as workload from '../workload/index.ts';
import { createNodeBackoff, type NodeBackoff } from './backoff.ts';
import { newDaemonPod } from './daemon-pod.ts';
import { syncHistory, truncateHistory } from './daemon-history.ts';
import { fitOf } from './node-fit.ts';
import { countDaemons, type DaemonSetInput, type DaemonSetPlan, planDaemonSet } from './plan-daemonset.ts';
import { planUpdate, type UpdatePlan } from './plan-update.ts';

const CONCURRENCY_MAX = 2;
/** Pods created or deleted per reconcile. */
const BURST_MAX = 250;

interface Deps extends workload.PodsControl {
  readonly backoff: NodeBackoff;
}

export function createDaemonSetController(given: ControllerDeps): Controller {
  const { cache, events } = given;
  const deps: Deps = { ...given, expectations: workload.createLateExpectations(), backoff: createNodeBackoff() };
  const { expectations } = deps;
  workload.indexOrphans(cache, coreV1.Pod);
  workload.indexOrphans(cache, appsV1.ControllerRevision);
  return defineController({
    name: 'daemonset-controller',
    primary: appsV1.DaemonSet,
    owns: [coreV1.Pod],
    watches: [nodeWatch(given), workload.orphanWatch(cache, appsV1.DaemonSet, coreV1.Pod, (set) => set.spec.selector)],
    reads: [appsV1.ControllerRevision],
    expectations,
    concurrencyMax: CONCURRENCY_MAX,
    async reconcile(key, ctx) {
      expectations.bind(ctx.clock);
      const set = cache.get(appsV1.DaemonSet, key);
      if (set === undefined) {
        expectations.forget(key);
        return {};
      }
      if (compileLabelSelector(set.spec.selector).isEmpty) {
        const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
        events.event(set, 'Warning', 'SelectingAll', message);
        return {};
      }
      return set.metadata.deletionTimestamp === undefined ? sync(deps, set, ctx) : {};
    },
  });
}

/** A node queues the sets for which it has begun or ceased to be the right one. */
function nodeWatch({ cache }: ControllerDeps): WatchSource<Node> {
  return {
    kind: coreV1.Node,
    keysOf(node, old, deleted) {
      const isSame =
        old !== undefined &&
        jsonEqual(old.metadata.labels, node.metadata.labels) &&
        jsonEqual(old.spec?.taints, node.spec?.taints);
      if (isSame && !deleted) return [];
      const concerns = (set: DaemonSet) => {
        const fit = fitOf(set, node);
        return old === undefined || deleted ? fit.shouldContinue : !jsonEqual(fit, fitOf(set, old));
      };
      return cache.list(appsV1.DaemonSet).filter(concerns).map(keyOf);
    },
  };
}

async function sync(deps: Deps, set: DaemonSet, ctx: Ctx): Promise<ReconcileResult> {
  const { cache } = deps;
  const key = keyOf(set);
  const pods = await claimPods(deps, set, ctx);
  const { hash, old } = await syncHistory(deps, set, pods, ctx);
  const nowMs = ctx.clock.nowMs();
  const backoffKey = (node: string) => `${set.metadata.uid}/${set.status?.observedGeneration ?? 0}/${node}`;
  const backoffMs = (node: string) => deps.backoff.leftMs(backoffKey(node), nowMs);
  const input: DaemonSetInput = { set, nodes: cache.list(coreV1.Node), pods, hash, backoffMs, nowMs };
  if (!deps.expectations.satisfied(key)) {
    return writeStatus(deps, input, false, ctx);
  }
  const plan = planDaemonSet(input);
  let error: unknown;
  try {
    tellFinished(deps, set, plan, (node) => deps.backoff.failed(backoffKey(node), nowMs));
    const isQuiet = plan.createOn.length === 0 && plan.deletions.length === 0;
    const isRolling = (set.spec.updateStrategy?.type ?? 'RollingUpdate') === 'RollingUpdate';
    await execute(deps, input, isQuiet && isRolling ? planUpdate(input) : plan, ctx);
    await truncateHistory(deps, set, old, pods, ctx);
  } catch (cause) {
    error = cause;
  }
  const { requeueAfterMs } = await writeStatus(deps, input, true, ctx);
  if (error !== undefined) throw error;
  const waits = [plan.recheckAfterMs, requeueAfterMs].filter((ms) => ms !== undefined);
  return waits.length === 0 ? {} : { requeueAfterMs: Math.min(...waits) };
}

async function claimPods({ cache, client }: ControllerDeps, set: DaemonSet, ctx: Ctx): Promise<Pod[]> {
  const kind = coreV1.Pod;
  const plan = workload.planClaim(
    set,
    compileLabelSelector(set.spec.selector),
    workload.candidatesOf(cache, kind, set),
  );
  return workload.claim(client, { ownerKind: appsV1.DaemonSet, owner: set, kind, plan }, ctx);
}

function tellFinished(
  { events }: ControllerDeps,
  set: DaemonSet,
  plan: DaemonSetPlan,
  onFailed: (node: string) => void,
): void {
  for (const { pod, nodeName } of plan.finished) {
    const where = `daemon pod ${keyOf(pod)} on node ${nodeName}`;
    if (pod.status?.phase === 'Failed') {
      events.event(set, 'Warning', 'FailedDaemonPod', `Found failed ${where}, will try to kill it`);
      onFailed(nodeName);
    } else {
      events.event(set, 'Normal', 'SucceededDaemonPod', `Found succeeded ${where}, will try to delete it`);
    }
  }
}

async function execute(deps: Deps, { set, hash }: DaemonSetInput, plan: UpdatePlan, ctx: Ctx): Promise<void> {
  const wanted = plan.createOn.slice(0, BURST_MAX).map((node) => newDaemonPod(set, node, hash));
  const created = await workload.createPods(deps, set, wanted, ctx);
  const deleted = await workload.deletePods(deps, set, plan.deletions.slice(0, BURST_MAX), ctx);
  const error = created.error ?? deleted.error;
  if (error !== undefined) throw error;
}

/** Only when something that the controller counts has changed: conditions of others stay as they are. */
async function writeStatus(
  { client }: ControllerDeps,
  input: DaemonSetInput,
  withGeneration: boolean,
  ctx: Ctx,
): Promise<ReconcileResult> {
  const { set } = input;
  const counts = countDaemons(input);
  const present: Partial<DaemonSetStatus> = set.status ?? {};
  const generation = set.metadata.generation ?? 0;
  const isSame = Object.entries(counts).every(([name, count]) => (present[name as keyof typeof counts] ?? 0) === count);
  if (!isSame || (present.observedGeneration ?? 0) < generation) {
    const { updatedNumberScheduled, numberAvailable, numberUnavailable, ...always } = counts;
    const { updatedNumberScheduled: _, numberAvailable: __, numberUnavailable: ___, ...kept } = present;
    const observed = withGeneration ? { observedGeneration: generation } : {};
    const sometimes = workload.omitZero({ updatedNumberScheduled, numberAvailable, numberUnavailable });
    await client.patchStatus(appsV1.DaemonSet, set, { ...kept, ...always, ...sometimes, ...observed }, ctx);
  }
  const minReadySeconds = set.spec.minReadySeconds ?? 0;
  if (minReadySeconds === 0 || counts.numberReady === counts.numberAvailable) return {};
  return {
    requeueAfterMs: workload.nextAvailabilityMs(input.pods, minReadySeconds, input.nowMs) ?? minReadySeconds * 1000,
  };
}
