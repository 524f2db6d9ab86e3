/** The node agent's HTTPS paths. Source: kubernetes pkg/kubelet/server/server.go. */
import type { MetricsPage } from './reports.ts';

interface OfContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

export type KubeletRoute =
  | ({ readonly kind: 'exec' | 'attach' | 'run' | 'containerLogs' | 'checkpoint' } & OfContainer)
  | { readonly kind: 'portForward'; readonly namespace: string; readonly pod: string }
  | { readonly kind: 'pods' | 'runningpods' | 'healthz' | 'configz' | 'statsSummary' | 'slis' }
  | { readonly kind: 'metrics'; readonly page: MetricsPage }
  | { readonly kind: 'logs'; readonly path: string }
  | { readonly kind: 'unknown' };

const CONTAINER_KINDS = ['exec', 'attach', 'run', 'containerLogs', 'checkpoint'] as const;
const PLAIN: ReadonlyMap<string, KubeletRoute> = new Map<string, KubeletRoute>([
  ['pods', { kind: 'pods' }],
  ['runningpods', { kind: 'runningpods' }],
  ['healthz', { kind: 'healthz' }],
  ['healthz/ping', { kind: 'healthz' }],
  ['healthz/log', { kind: 'healthz' }],
  ['healthz/syncloop', { kind: 'healthz' }],
  ['configz', { kind: 'configz' }],
  ['stats/summary', { kind: 'statsSummary' }],
  ['metrics', { kind: 'metrics', page: 'metrics' }],
  ['metrics/cadvisor', { kind: 'metrics', page: 'cadvisor' }],
  ['metrics/resource', { kind: 'metrics', page: 'resource' }],
  ['metrics/probes', { kind: 'metrics', page: 'probes' }],
  ['metrics/slis', { kind: 'slis' }],
]);

/** `path` still percent-encoded. A uid may stand between pod and container, as upstream allows. */
export function parseRoute(path: string): KubeletRoute {
  const parts = path.split('/').filter((part) => part !== '');
  const plain = PLAIN.get(parts.join('/'));
  if (plain !== undefined) return plain;
  let words: readonly string[];
  try {
    words = parts.map(decodeURIComponent);
  } catch {
    return { kind: 'unknown' };
  }
  const [first, namespace = '', pod = ''] = words;
  const kind = CONTAINER_KINDS.find((name) => name === first);
  if (kind !== undefined && (words.length === 4 || words.length === 5)) {
    return { kind, namespace, pod, container: words.at(-1) ?? '' };
  }
  if (first === 'portForward' && (words.length === 3 || words.length === 4)) return { kind: first, namespace, pod };
  if (first === 'logs') return { kind: 'logs', path: words.slice(1).join('/') };
  return { kind: 'unknown' };
}

/** The path as metrics name it: its root, or which page of the metrics. */
export function metricPathOf(route: KubeletRoute): string {
  switch (route.kind) {
    case 'unknown':
      return 'other';
    case 'statsSummary':
      return 'stats';
    case 'slis':
      return 'metrics';
    case 'metrics':
      return route.page === 'metrics' ? 'metrics' : `metrics/${route.page}`;
    default:
      return route.kind;
  }
}

export const isLongRunning = ({ kind }: KubeletRoute): boolean =>
  kind === 'exec' || kind === 'attach' || kind === 'portForward';
