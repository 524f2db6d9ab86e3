/** Scales what HorizontalPodAutoscalers name. Source: kubernetes pkg/controller/podautoscaler/horizontal.go. */
import {
  apiextensionsV1,
  autoscalingV2,
  coreV1,
  type KubeObject,
  parseLabelSelector,
  pathOf,
  Quantity,
} from '@kapella/api';
import type { Scale } from '@kapella/api/types/autoscaling-v1';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  MetricStatus,
} from '@kapella/api/types/autoscaling-v2';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, formatTime, jsonEqual } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { findKind } from '../workload/index.ts';
import { evaluate, MetricError, type Proposal, type Target } from './evaluate.ts';
import { limit, remember, type ScalingMemory } from './limits.ts';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import type { Tolerances } from './replicas.ts';

interface Known {
  memory: ScalingMemory;
  dueMs: number;
  selector: string;
}

interface Deps extends ControllerDeps {
  readonly tuning: Tuning;
  readonly known: Map<string, Known>;
}

/** The status while it is worked on. */
class Draft {
  readonly autoscaler: HorizontalPodAutoscaler;
  readonly nowMs: number;
  status: HorizontalPodAutoscalerStatus;

  constructor(autoscaler: HorizontalPodAutoscaler, nowMs: number) {
    this.autoscaler = autoscaler;
    this.nowMs = nowMs;
    this.status = autoscaler.status ?? { desiredReplicas: 0 };
  }

  condition(type: string, status: 'True' | 'False', reason: string, message: string): void {
    const { conditions = [] } = this.status;
    const before = conditions.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : formatTime(this.nowMs);
    const next: HorizontalPodAutoscalerCondition = {
      type,
      status,
      ...(lastTransitionTime !== undefined && { lastTransitionTime }),
      reason,
      message,
    };
    const all =
      before === undefined
        ? [...conditions, next]
        : conditions.map((condition) => (condition === before ? next : condition));
    this.status = { ...this.status, conditions: all };
  }

  set(current: number, desired: number, metrics: readonly MetricStatus[], rescaled: boolean): void {
    const { lastScaleTime, conditions } = this.status;
    const time = rescaled ? formatTime(this.nowMs) : lastScaleTime;
    this.status = {
      ...(time !== undefined && { lastScaleTime: time }),
      ...(current > 0 && { currentReplicas: current }),
      desiredReplicas: desired,
      ...(metrics.length > 0 && { currentMetrics: metrics }),
      ...(conditions !== undefined && { conditions }),
    };
  }
}

export function createPodAutoscalerController(given: ControllerDeps, tuning: Tuning = DEFAULT_TUNING): Controller {
  const { cache } = given;
  const deps: Deps = { ...given, tuning, known: new Map() };
  const periodMs = tuning.horizontalPodAutoscalerSyncPeriodMs;
  return defineController({
    name: 'horizontal-pod-autoscaler-controller',
    primary: autoscalingV2.HorizontalPodAutoscaler,
    reads: [coreV1.Pod, apiextensionsV1.CustomResourceDefinition],
    async reconcile(key, ctx) {
      const autoscaler = cache.get(autoscalingV2.HorizontalPodAutoscaler, key);
      if (autoscaler === undefined) {
        deps.known.delete(key);
        return {};
      }
      const nowMs = ctx.clock.monotonicMs();
      const known = deps.known.get(key) ?? {
        memory: { recommendations: [], ups: [], downs: [] },
        dueMs: nowMs,
        selector: '',
      };
      deps.known.set(key, known);
      // Metrics are not newer because the autoscaler was written: one look per period.
      if (nowMs < known.dueMs) return { requeueAfterMs: known.dueMs - nowMs };
      known.dueMs = nowMs + periodMs;
      await sync(deps, autoscaler, known, ctx);
      return { requeueAfterMs: periodMs };
    },
  });
}

async function sync(deps: Deps, autoscaler: HorizontalPodAutoscaler, known: Known, ctx: Ctx): Promise<void> {
  const draft = new Draft(autoscaler, ctx.clock.nowMs());
  try {
    await autoscale(deps, draft, known, ctx);
  } finally {
    if (!ctx.signal.aborted && !jsonEqual(autoscaler.status, draft.status)) await writeStatus(deps, draft, ctx);
  }
}

async function writeStatus({ client, events }: Deps, { autoscaler, status }: Draft, ctx: Ctx): Promise<void> {
  try {
    await client.patchStatus(
      autoscalingV2.HorizontalPodAutoscaler,
      autoscaler as HorizontalPodAutoscaler & KubeObject,
      status,
      ctx,
    );
  } catch (error) {
    events.event(autoscaler, 'Warning', 'FailedUpdateStatus', describeError(error));
    throw error;
  }
}

async function autoscale(deps: Deps, draft: Draft, known: Known, ctx: Ctx): Promise<void> {
  const { nowMs } = draft;
  const { path, scale } = await readScale(deps, draft, ctx);
  const got = "the HPA controller was able to get the target's current scale";
  draft.condition('AbleToScale', 'True', 'SucceededGetScale', got);
  const current = scale.spec?.replicas ?? 0;
  if (known.memory.recommendations.length === 0) {
    known.memory = { ...known.memory, recommendations: [{ replicas: current, atMs: nowMs }] };
  }
  const { desired, reason, metrics, failure } = await decide(deps, draft, known, scale, ctx);
  if (desired !== current) await rescale(deps, draft, { path, scale, current, desired, reason, metrics, known }, ctx);
  draft.set(current, desired, metrics, desired !== current);
  if (failure !== undefined) throw failure;
}

interface Decision {
  readonly desired: number;
  readonly reason: string;
  readonly metrics: readonly MetricStatus[];
  readonly failure: Error | undefined;
}

async function decide(deps: Deps, draft: Draft, known: Known, scale: Scale, ctx: Ctx): Promise<Decision> {
  const current = scale.spec?.replicas ?? 0;
  const { maxReplicas, minReplicas = 1 } = draft.autoscaler.spec;
  const plain = (desired: number, reason: string) => ({ desired, reason, metrics: [], failure: undefined });
  if (current === 0) {
    const message = 'scaling is disabled since the replica count of the target is zero';
    draft.condition('ScalingActive', 'False', 'ScalingDisabled', message);
    return plain(0, '');
  }
  if (current > maxReplicas) return plain(maxReplicas, 'Current number of replicas above Spec.MaxReplicas');
  if (current < minReplicas) return plain(minReplicas, 'Current number of replicas below Spec.MinReplicas');
  return decideByMetrics(deps, draft, known, scale, ctx);
}

async function decideByMetrics(deps: Deps, draft: Draft, known: Known, scale: Scale, ctx: Ctx): Promise<Decision> {
  const { autoscaler, nowMs } = draft;
  const current = scale.spec?.replicas ?? 0;
  const { best, metrics, failure } = await propose(deps, draft, known, scale, ctx);
  if (best === undefined) {
    draft.set(current, draft.status.desiredReplicas, metrics, false);
    const cause = failure?.message ?? '';
    deps.events.event(autoscaler, 'Warning', 'FailedComputeMetricsReplicas', cause);
    const what = 'failed to compute desired number of replicas based on listed metrics';
    throw new Error(`${what} for ${referenceOf(autoscaler)}: ${cause}`);
  }
  const { minReplicas: min = 1 } = autoscaler.spec;
  const limited = limit({
    autoscaler,
    current,
    desired: best.replicas,
    min,
    memory: known.memory,
    nowMs,
    tuning: deps.tuning,
  });
  known.memory = limited.memory;
  draft.condition('AbleToScale', 'True', ...limited.able);
  draft.condition('ScalingLimited', ...limited.limited);
  const reason = best.replicas > current ? `${best.metric} above target` : 'All metrics below target';
  return { desired: limited.replicas, reason, metrics, failure };
}

function referenceOf({ metadata, spec }: HorizontalPodAutoscaler): string {
  return `${spec.scaleTargetRef.kind}/${metadata.namespace}/${spec.scaleTargetRef.name}`;
}

async function readScale(
  { client, cache, events }: Deps,
  draft: Draft,
  ctx: Ctx,
): Promise<{ path: string; scale: Scale }> {
  const { autoscaler } = draft;
  const { apiVersion = '', kind, name } = autoscaler.spec.scaleTargetRef;
  try {
    if (apiVersion.split('/').length > 2) throw new Error(`unexpected GroupVersion string: ${apiVersion}`);
    const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
    const target = findKind(cache, { group, kind });
    if (target === undefined)
      throw new Error(`no matches for kind ${JSON.stringify(kind)} in group ${JSON.stringify(group)}`);
    const path = pathOf(target, autoscaler.metadata.namespace, name, 'scale');
    return { path, scale: await client.request<Scale>('GET', path, {}, ctx) };
  } catch (error) {
    const cause = describeError(error);
    events.event(autoscaler, 'Warning', 'FailedGetScale', cause);
    draft.condition(
      'AbleToScale',
      'False',
      'FailedGetScale',
      `the HPA controller was unable to get the target's current scale: ${cause}`,
    );
    throw new Error(`failed to query scale subresource for ${referenceOf(autoscaler)}: ${cause}`);
  }
}

interface Proposed {
  /** Undefined when nothing can be said. */
  readonly best: Proposal | undefined;
  readonly metrics: readonly MetricStatus[];
  readonly failure: Error | undefined;
}

async function propose(deps: Deps, draft: Draft, known: Known, scale: Scale, ctx: Ctx): Promise<Proposed> {
  const { autoscaler } = draft;
  const selector = scale.status?.selector ?? '';
  const pods = selectPods(deps, draft, known, selector);
  if (pods instanceof Error) return { best: undefined, metrics: [], failure: pods };
  const specs = autoscaler.spec.metrics ?? [];
  const specReplicas = scale.spec?.replicas ?? 0;
  const target = {
    autoscaler,
    selector,
    pods,
    specReplicas,
    statusReplicas: scale.status?.replicas ?? 0,
    tolerances: tolerancesOf(autoscaler, deps.tuning),
    tuning: deps.tuning,
  };
  const { metrics, failures, best } = await evaluateAll(deps, target, ctx);
  const [first] = failures;
  const failure =
    first &&
    new Error(`invalid metrics (${failures.length} invalid out of ${specs.length}), first error is: ${first.outer}`);
  // A metric that is not known could ask for more: nothing shrinks meanwhile.
  if (best === undefined || (first !== undefined && best.replicas < specReplicas)) {
    const message = `the HPA was unable to compute the replica count: ${first?.message ?? 'no metrics'}`;
    draft.condition('ScalingActive', 'False', first?.reason ?? 'InvalidMetricSourceType', message);
    return { best: undefined, metrics, failure: failure ?? new Error('no metrics') };
  }
  draft.condition(
    'ScalingActive',
    'True',
    'ValidMetricFound',
    `the HPA was able to successfully calculate a replica count from ${best.metric}`,
  );
  return { best, metrics, failure };
}

async function evaluateAll(deps: Deps, target: Target, ctx: Ctx) {
  const metrics: MetricStatus[] = [];
  const failures: MetricError[] = [];
  let best: Proposal | undefined;
  for (const spec of target.autoscaler.spec.metrics ?? []) {
    try {
      const proposal = await evaluate(deps, target, spec, ctx);
      metrics.push(proposal.status);
      if (best === undefined || proposal.replicas > best.replicas) best = proposal;
    } catch (error) {
      if (!(error instanceof MetricError)) throw error;
      deps.events.event(target.autoscaler, 'Warning', error.reason, error.message);
      failures.push(error);
      metrics.push({ type: '' });
    }
  }
  return { metrics, failures, best };
}

function selectPods(
  { cache, events, known: all }: Deps,
  draft: Draft,
  known: Known,
  text: string,
): readonly Pod[] | Error {
  const { autoscaler } = draft;
  const { namespace = '', name } = autoscaler.metadata;
  const fail = (reason: string, conditionReason: string, message: string, condition = message) => {
    events.event(autoscaler, 'Warning', reason, message);
    draft.condition('ScalingActive', 'False', conditionReason, condition);
    return new Error(message);
  };
  if (text === '')
    return fail(
      'SelectorRequired',
      'InvalidSelector',
      'selector is required',
      "the HPA target's scale is missing a selector",
    );
  let pods: readonly Pod[];
  try {
    const selector = parseLabelSelector(text);
    pods = cache.list(coreV1.Pod, namespace).filter((pod) => selector.matches(pod.metadata.labels ?? {}));
  } catch (error) {
    const message = `couldn't convert selector into a corresponding internal selector object: ${describeError(error)}`;
    return fail('InvalidSelector', 'InvalidSelector', message);
  }
  known.selector = text;
  const rivals = [...all].filter(([key, { selector }]) => {
    if (!key.startsWith(`${namespace}/`) || selector === '') return false;
    const other = parseLabelSelector(selector);
    return key === `${namespace}/${name}` || pods.some((pod) => other.matches(pod.metadata.labels ?? {}));
  });
  if (rivals.length < 2) return pods;
  const list = rivals.map(([key]) => `{${key.slice(namespace.length + 1)} ${namespace}}`).join(' ');
  return fail(
    'AmbiguousSelector',
    'AmbiguousSelector',
    `pods by selector ${text} are controlled by multiple HPAs: [${list}]`,
  );
}

function tolerancesOf({ spec: { behavior } }: HorizontalPodAutoscaler, tuning: Tuning): Tolerances {
  const of = (text: string | undefined) =>
    text === undefined ? tuning.horizontalPodAutoscalerTolerance : Quantity.parse(text).toNumber();
  return { up: of(behavior?.scaleUp?.tolerance), down: of(behavior?.scaleDown?.tolerance) };
}

interface Rescale {
  readonly path: string;
  readonly scale: Scale;
  readonly current: number;
  readonly desired: number;
  readonly reason: string;
  readonly metrics: readonly MetricStatus[];
  readonly known: Known;
}

async function rescale({ client, events }: Deps, draft: Draft, change: Rescale, ctx: Ctx): Promise<void> {
  const { autoscaler } = draft;
  const { path, scale, current, desired, reason, metrics, known } = change;
  const what = `New size: ${desired}; reason: ${reason}`;
  try {
    await client.request('PUT', path, { body: { ...scale, spec: { ...scale.spec, replicas: desired } } }, ctx);
  } catch (error) {
    const cause = describeError(error);
    events.event(autoscaler, 'Warning', 'FailedRescale', `${what}; error: ${cause}`);
    draft.condition(
      'AbleToScale',
      'False',
      'FailedUpdateScale',
      `the HPA controller was unable to update the target scale: ${cause}`,
    );
    draft.set(current, draft.status.desiredReplicas, metrics, false);
    throw new Error(`failed to rescale ${referenceOf(autoscaler)}: ${cause}`);
  }
  draft.condition(
    'AbleToScale',
    'True',
    'SucceededRescale',
    `the HPA controller was able to update the target scale to ${desired}`,
  );
  events.event(autoscaler, 'Normal', 'SuccessfulRescale', what);
  known.memory = remember(known.memory, autoscaler, current, desired, draft.nowMs);
}
