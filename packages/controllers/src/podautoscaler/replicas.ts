/** How many replicas a metric asks for. Pure. Source: kubernetes pkg/controller/podautoscaler/replica_calculator.go. */
import { quantityMilli } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { parseTime } from '@kapella/base';
import type { Tuning } from '../tuning.ts';
import { conditionOf, isReady, isTerminating } from '../workload/index.ts';

export interface PodMetric {
  readonly milli: number;
  readonly atMs: number;
  readonly windowMs: number;
}

export type PodMetrics = ReadonlyMap<string, PodMetric>;

export interface Tolerances {
  readonly up: number;
  readonly down: number;
}

export const isWithin = ({ up, down }: Tolerances, ratio: number): boolean => 1 - down <= ratio && ratio <= 1 + up;

export interface CalculationInput {
  readonly pods: readonly Pod[];
  readonly metrics: PodMetrics;
  readonly current: number;
  readonly tolerances: Tolerances;
  readonly nowMs: number;
  readonly tuning: Tuning;
}

export interface Calculation {
  readonly replicas: number;
  /** Average per Pod, in thousandths. */
  readonly averageMilli: number;
  readonly utilization: number | undefined;
}

/** The average of a metric over Pods; `resource` where it is one. Throws an Error when nothing can be said. */
export function fromAverage(input: CalculationInput, targetMilli: number, resource: string): Calculation {
  const measure = (metrics: PodMetrics) => {
    const average = Math.trunc(sum([...metrics.values()].map(({ milli }) => milli)) / metrics.size);
    return { ratio: average / targetMilli, averageMilli: average, utilization: undefined };
  };
  return calculate(input, resource, measure, () => targetMilli);
}

/** The share of what Pods ask for that they use. `container`: of one container only, else ''. */
export function fromUtilization(
  input: CalculationInput,
  targetPercent: number,
  resource: string,
  container: string,
): Calculation {
  const requests = lazily(
    () => new Map(input.pods.map((pod) => [pod.metadata.name, requestOf(pod, resource, container)])),
  );
  const measure = (metrics: PodMetrics) => {
    const known = [...metrics].filter(([name]) => requests().has(name));
    const asked = sum(known.map(([name]) => requests().get(name) ?? 0));
    if (asked === 0) throw new Error('no metrics returned matched known pods');
    const used = sum(known.map(([, { milli }]) => milli));
    const utilization = Math.trunc((used * 100) / asked);
    return { ratio: utilization / targetPercent, averageMilli: Math.trunc(used / known.length), utilization };
  };
  const fallback = (name: string) => Math.trunc(((requests().get(name) ?? 0) * Math.max(100, targetPercent)) / 100);
  return calculate(input, resource, measure, fallback);
}

/** A metric of one object or from outside: `usage / target` replicas for each that is ready now. */
export function fromTotal(input: Omit<CalculationInput, 'metrics'>, usageMilli: number, targetMilli: number): number {
  const ratio = usageMilli / targetMilli;
  if (input.current === 0) return Math.ceil(ratio);
  if (isWithin(input.tolerances, ratio)) return input.current;
  if (input.pods.length === 0)
    throw new Error('unable to calculate ready pods: no pods returned by selector while calculating replica count');
  const ready = input.pods.filter((pod) => pod.status?.phase === 'Running' && isReady(pod)).length;
  return Math.min(Math.ceil(ratio * ready), 2 ** 31 - 1);
}

/** The same where the target is per replica. */
export function fromTotalPerPod(
  tolerances: Tolerances,
  statusReplicas: number,
  usageMilli: number,
  targetMilli: number,
): number {
  const ratio = usageMilli / (targetMilli * statusReplicas);
  return isWithin(tolerances, ratio) ? statusReplicas : Math.min(Math.ceil(usageMilli / targetMilli), 2 ** 31 - 1);
}

interface Measure {
  readonly ratio: number;
  readonly averageMilli: number;
  readonly utilization: number | undefined;
}

function calculate(
  input: CalculationInput,
  resource: string,
  measure: (metrics: PodMetrics) => Measure,
  fallbackMilli: (name: string) => number,
): Calculation {
  const { current, tolerances } = input;
  if (input.pods.length === 0) throw new Error('no pods returned by selector while calculating replica count');
  const { readyCount, unready, missing, ignored } = groupPods(input, resource);
  const metrics = new Map([...input.metrics].filter(([name]) => !ignored.has(name) && !unready.has(name)));
  if (metrics.size === 0) throw new Error('did not receive metrics for targeted pods (pods might be unready)');
  const { ratio, averageMilli, utilization } = measure(metrics);
  const answer = (replicas: number): Calculation => ({ replicas, averageMilli, utilization });
  const countsUnready = unready.size > 0 && ratio > 1;
  if (!countsUnready && missing.size === 0)
    return answer(isWithin(tolerances, ratio) ? current : Math.ceil(ratio * readyCount));
  assumeUnknown(metrics, ratio, { missing, unready: countsUnready ? unready : new Set() }, fallbackMilli);
  const next = measure(metrics).ratio;
  const replicas = Math.ceil(next * metrics.size);
  // With the unknown counted, the direction must still be the same, and the number must go in it.
  const turned = (ratio - 1) * (next - 1) < 0;
  const contrary = (next - 1) * (replicas - current) < 0;
  return answer(isWithin(tolerances, next) || turned || contrary ? current : replicas);
}

/** What is not known is taken to speak against a change: as much as wanted when shrinking, nothing when growing. */
function assumeUnknown(
  metrics: Map<string, PodMetric>,
  ratio: number,
  { missing, unready }: { readonly missing: ReadonlySet<string>; readonly unready: ReadonlySet<string> },
  fallbackMilli: (name: string) => number,
): void {
  const add = (name: string, milli: number) => metrics.set(name, { milli, atMs: 0, windowMs: 0 });
  if (ratio !== 1) for (const name of missing) add(name, ratio < 1 ? fallbackMilli(name) : 0);
  for (const name of unready) add(name, 0);
}

function groupPods({ pods, metrics, nowMs, tuning }: CalculationInput, resource: string) {
  const groups = { readyCount: 0, unready: new Set<string>(), missing: new Set<string>(), ignored: new Set<string>() };
  for (const pod of pods) {
    const { name } = pod.metadata;
    const metric = metrics.get(name);
    if (isTerminating(pod) || pod.status?.phase === 'Failed') groups.ignored.add(name);
    else if (pod.status?.phase === 'Pending') groups.unready.add(name);
    else if (metric === undefined) groups.missing.add(name);
    else if (resource === 'cpu' && isStarting(pod, metric, nowMs, tuning)) groups.unready.add(name);
    else groups.readyCount++;
  }
  return groups;
}

/** The CPU that a Pod takes to start says nothing about its load. */
function isStarting(pod: Pod, metric: PodMetric, nowMs: number, tuning: Tuning): boolean {
  const ready = conditionOf(pod, 'Ready');
  const startMs = parseTime(pod.status?.startTime);
  if (ready === undefined || startMs === undefined) return true;
  const changedMs = parseTime(ready.lastTransitionTime) ?? 0;
  if (startMs + tuning.horizontalPodAutoscalerCpuInitializationPeriodMs > nowMs)
    return ready.status === 'False' || metric.atMs < changedMs + metric.windowMs;
  const delayMs = tuning.horizontalPodAutoscalerInitialReadinessDelayMs;
  return ready.status === 'False' && startMs + delayMs > changedMs;
}

function requestOf(pod: Pod, resource: string, container: string): number {
  const whole = pod.spec.resources?.requests;
  if (container === '' && whole !== undefined && Object.keys(whole).length > 0) {
    const amount = Object.hasOwn(whole, resource) ? whole[resource] : undefined;
    if (amount === undefined) throw new Error(`missing pod-level request for ${resource} in Pod ${pod.metadata.name}`);
    return quantityMilli(amount);
  }
  const sidecars = (pod.spec.initContainers ?? []).filter((one) => one.restartPolicy === 'Always');
  const chosen = [...pod.spec.containers, ...sidecars].filter((one) => container === '' || one.name === container);
  if (chosen.length === 0 && container !== '')
    throw new Error(`container ${container} not found in Pod ${pod.metadata.name}`);
  return sum(
    chosen.map((one) => {
      const requests = one.resources?.requests;
      const amount = requests !== undefined && Object.hasOwn(requests, resource) ? requests[resource] : undefined;
      if (amount === undefined)
        throw new Error(`missing request for ${resource} in container ${one.name} of Pod ${pod.metadata.name}`);
      return quantityMilli(amount);
    }),
  );
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0);

function lazily<T>(make: () => T): () => T {
  let value: { readonly of: T } | undefined;
  return () => {
    value ??= { of: make() };
    return value.of;
  };
}
