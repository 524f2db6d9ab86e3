/** Reads metrics from the metrics APIs. Source: kubernetes pkg/controller/podautoscaler/metrics/client.go. */
import { quantityMilli } from '@kapella/api';
import type { CrossVersionObjectReference, MetricIdentifier } from '@kapella/api/types/autoscaling-v2';
import { ApiError, type Ctx, describeError, parseTime } from '@kapella/base';
import type { Client } from '@kapella/client';
import { compileLabelSelector } from '@kapella/api';
import type { PodMetric, PodMetrics } from './replicas.ts';

const WINDOW_MS = 60_000;

interface PodMetricsItem {
  readonly metadata: { readonly name: string };
  readonly timestamp?: string;
  readonly window?: string;
  readonly containers?: readonly { readonly name: string; readonly usage?: Readonly<Record<string, string>> }[];
}

/** `container`: of this one only, else ''. Throws an Error worded as upstream's. */
export async function resourceMetrics(
  client: Client,
  namespace: string,
  selector: string,
  resource: string,
  container: string,
  ctx: Ctx,
): Promise<PodMetrics> {
  const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${namespace}/pods`;
  const items = await read<PodMetricsItem>(
    client,
    path,
    { labelSelector: selector },
    'resource',
    'get pods.metrics.k8s.io',
    ctx,
  );
  const result = new Map<string, PodMetric>();
  for (const item of items) {
    const chosen = (item.containers ?? []).filter(({ name }) => container === '' || name === container);
    const usages = chosen.map(({ usage }) =>
      usage !== undefined && Object.hasOwn(usage, resource) ? usage[resource] : undefined,
    );
    if (usages.length === 0 || usages.includes(undefined)) continue;
    const milli = usages.reduce((sum, text) => sum + quantityMilli(text as string), 0);
    result.set(item.metadata.name, { milli, atMs: parseTime(item.timestamp) ?? 0, windowMs: durationMs(item.window) });
  }
  return result;
}

interface MetricValue {
  readonly describedObject?: { readonly name?: string };
  readonly timestamp?: string;
  readonly windowSeconds?: number;
  readonly value: string;
}

export async function podsMetrics(
  client: Client,
  namespace: string,
  selector: string,
  metric: MetricIdentifier,
  ctx: Ctx,
): Promise<PodMetrics> {
  const path = `/apis/custom.metrics.k8s.io/v1beta2/namespaces/${namespace}/pods/*/${metric.name}`;
  const query = { labelSelector: selector, metricLabelSelector: textOf(metric) };
  const items = await read<MetricValue>(client, path, query, 'custom', `get pods.custom.metrics.k8s.io *`, ctx);
  const windowMs = (item: MetricValue) => (item.windowSeconds === undefined ? WINDOW_MS : item.windowSeconds * 1000);
  return new Map(
    items.map((item) => [
      item.describedObject?.name ?? '',
      { milli: quantityMilli(item.value), atMs: parseTime(item.timestamp) ?? 0, windowMs: windowMs(item) },
    ]),
  );
}

/** `plural`: of the described object's kind. */
export async function objectMetric(
  client: Client,
  namespace: string,
  about: CrossVersionObjectReference,
  plural: string,
  metric: MetricIdentifier,
  ctx: Ctx,
): Promise<number> {
  const group = about.apiVersion?.includes('/') === true ? `.${about.apiVersion.split('/')[0]}` : '';
  const object =
    about.kind === 'Namespace'
      ? `namespaces/${namespace}/metrics`
      : `namespaces/${namespace}/${plural}${group}/${about.name}`;
  const query = { metricLabelSelector: textOf(metric) };
  const what = `get ${plural}${group}.custom.metrics.k8s.io ${about.name}`;
  const [item] = await read<MetricValue>(
    client,
    `/apis/custom.metrics.k8s.io/v1beta2/${object}/${metric.name}`,
    query,
    'custom',
    what,
    ctx,
  );
  return quantityMilli((item as MetricValue).value);
}

/** The sum over all that match. */
export async function externalMetric(
  client: Client,
  namespace: string,
  metric: MetricIdentifier,
  ctx: Ctx,
): Promise<number> {
  const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${namespace}/${metric.name}`;
  const what = `get ${metric.name}.external.metrics.k8s.io`;
  const items = await read<MetricValue>(client, path, { labelSelector: textOf(metric) }, 'external', what, ctx);
  return items.reduce((sum, { value }) => sum + quantityMilli(value), 0);
}

async function read<T>(
  client: Client,
  path: string,
  query: Readonly<Record<string, string>>,
  which: string,
  what: string,
  ctx: Ctx,
): Promise<readonly T[]> {
  const text = Object.entries(query)
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  let items: readonly T[];
  try {
    items = (await client.request<{ items?: readonly T[] }>('GET', path, { query: text }, ctx)).items ?? [];
  } catch (error) {
    // An API that is not served answers 404 to every path; client-go says so in these words.
    const isAbsent = error instanceof ApiError && error.code === 404;
    const cause = isAbsent ? `the server could not find the requested resource (${what})` : describeError(error);
    throw new Error(`unable to fetch metrics from ${which} metrics API: ${cause}`);
  }
  if (items.length === 0) throw new Error(`no metrics returned from ${which} metrics API`);
  return items;
}

const textOf = ({ selector }: MetricIdentifier) =>
  selector === undefined ? '' : String(compileLabelSelector(selector));

/** Go's duration, as in `1m30s`. */
function durationMs(text: string | undefined): number {
  const units = new Map([
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
    ['ms', 1],
  ]);
  const parts = [...(text ?? '').matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units.get(unit as string) ?? 0), 0);
}
