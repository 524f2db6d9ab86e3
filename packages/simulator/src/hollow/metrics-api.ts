/**
 * metrics.k8s.io/v1beta1 for hollow nodes: what `kubectl top` and autoscalers ask. Usage is simulated, the answers are
 * metrics-server's. Source: sigs.k8s.io/metrics-server pkg/api.
 */
import { parseFieldSelector, parseLabelSelector } from '@kapella/api';
import type { Container, Pod } from '@kapella/api/types/core-v1';
import { ApiError, formatTime } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import { NODE_USAGE, runningUsages, sum, type Usage } from './usage.ts';

export const METRICS_PATH = '/apis/metrics.k8s.io/v1beta1';
const WINDOW = '15s';

export interface MetricsNode {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  pods(): Iterable<Pod>;
}

export interface MetricsSource {
  nodes(): Iterable<MetricsNode>;
  usageOf(pod: Pod, container: Container): Usage;
}

interface Named {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Labels };
}
type Labels = Readonly<Record<string, string>>;

const encoder = new TextEncoder();

/** The answer to a GET below `METRICS_PATH`; undefined: the path is none of these. `query` as in a URL, without `?`. */
export function serveMetrics(
  source: MetricsSource,
  path: string,
  query: string,
  nowMs: number,
): ApiResponse | undefined {
  if (path !== METRICS_PATH && !path.startsWith(`${METRICS_PATH}/`)) return undefined;
  const [first, second, third, name] = path.slice(METRICS_PATH.length + 1).split('/');
  if (first === '') return answer(200, RESOURCES);
  if (first === 'nodes')
    return second === undefined
      ? list('Node', nodes(source, nowMs), query)
      : one(nodes(source, nowMs), 'nodes', second);
  if (first === 'pods' && second === undefined) return list('Pod', pods(source, nowMs), query);
  if (first !== 'namespaces' || third !== 'pods')
    return failure(new ApiError('NotFound', 'the server could not find the requested resource'));
  const inNamespace = pods(source, nowMs).filter(({ metadata }) => metadata.namespace === second);
  return name === undefined ? list('Pod', inNamespace, query) : one(inNamespace, 'pods', name);
}

function nodes(source: MetricsSource, nowMs: number): Named[] {
  return [...source.nodes()].map((node) => {
    const own = [...node.pods()].flatMap((pod) => runningUsages(pod, source.usageOf).map(({ usage }) => usage));
    return {
      metadata: { name: node.name, creationTimestamp: formatTime(nowMs), labels: node.labels },
      ...{ timestamp: formatTime(nowMs), window: WINDOW, usage: quantities(sum([NODE_USAGE, ...own])) },
    };
  });
}

function pods(source: MetricsSource, nowMs: number): Named[] {
  return [...source.nodes()].flatMap((node) =>
    [...node.pods()].flatMap((pod) => {
      const containers = runningUsages(pod, source.usageOf);
      // As metrics-server: a Pod of which nothing runs has no metrics.
      if (containers.length === 0) return [];
      const { name, namespace, labels = {} } = pod.metadata;
      return {
        metadata: { name, namespace, creationTimestamp: formatTime(nowMs), labels } as Named['metadata'],
        ...{ timestamp: formatTime(nowMs), window: WINDOW },
        containers: containers.map(({ name: container, usage }) => ({ name: container, usage: quantities(usage) })),
      };
    }),
  );
}

/** In metrics-server's units: nanocores and KiB. */
const quantities = ({ cpuMilli, memoryBytes }: Usage) => ({
  cpu: `${Math.round(cpuMilli * 1e6)}n`,
  memory: `${Math.round(memoryBytes / 1024)}Ki`,
});

function list(kind: 'Node' | 'Pod', items: readonly Named[], query: string): ApiResponse {
  const parameters = new URLSearchParams(query);
  const labels = parseLabelSelector(parameters.get('labelSelector') ?? '');
  const fields = parseFieldSelector(parameters.get('fieldSelector') ?? '');
  const chosen = items.filter(
    ({ metadata }) =>
      labels.matches(metadata.labels) &&
      fields.matches((field) =>
        field === 'metadata.name' ? metadata.name : field === 'metadata.namespace' ? (metadata.namespace ?? '') : '',
      ),
  );
  return answer(200, { ...head(`${kind}MetricsList`), metadata: {}, items: chosen });
}

function one(items: readonly Named[], plural: string, name: string): ApiResponse {
  const found = items.find(({ metadata }) => metadata.name === name);
  if (found !== undefined) return answer(200, { ...head(plural === 'nodes' ? 'NodeMetrics' : 'PodMetrics'), ...found });
  return failure(new ApiError('NotFound', `${plural}.metrics.k8s.io "${name}" not found`));
}

const head = (kind: string) => ({ kind, apiVersion: 'metrics.k8s.io/v1beta1' });
const failure = (error: ApiError) => answer(error.code, error.toStatus());
const answer = (status: number, body: object): ApiResponse => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: encoder.encode(JSON.stringify(body)),
});

const resource = (name: string, singularName: string, namespaced: boolean, kind: string) => ({
  ...{ name, singularName, namespaced, kind },
  verbs: ['get', 'list'],
});
const RESOURCES = {
  ...{ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: 'metrics.k8s.io/v1beta1' },
  resources: [resource('nodes', '', false, 'NodeMetrics'), resource('pods', '', true, 'PodMetrics')],
};
