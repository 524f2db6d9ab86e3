/** The node agent's HTTPS paths. Source: kubernetes pkg/kubelet/server/server.go. */

export type KubeletRoute =
  | { readonly kind: 'exec' | 'attach'; readonly namespace: string; readonly pod: string; readonly container: string }
  | {
      readonly kind: 'run' | 'containerLogs';
      readonly namespace: string;
      readonly pod: string;
      readonly container: string;
    }
  | { readonly kind: 'portForward'; readonly namespace: string; readonly pod: string }
  | { readonly kind: 'pods' | 'healthz' | 'configz' | 'metrics' | 'statsSummary' }
  | { readonly kind: 'unknown' };

/** `path` still percent-encoded. A uid may stand between pod and container, as upstream allows. */
export function parseRoute(path: string): KubeletRoute {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
  const [kind, namespace = '', pod = ''] = parts;
  const container = parts.at(-1) ?? '';
  const named = parts.length === 4 || parts.length === 5;
  if (named && (kind === 'exec' || kind === 'attach' || kind === 'run' || kind === 'containerLogs')) {
    return { kind, namespace, pod, container };
  }
  if (kind === 'portForward' && (parts.length === 3 || parts.length === 4)) return { kind, namespace, pod };
  if (parts.length === 1 && (kind === 'pods' || kind === 'healthz' || kind === 'configz' || kind === 'metrics'))
    return { kind };
  if (path === '/stats/summary') return { kind: 'statsSummary' };
  return { kind: 'unknown' };
}

/** The RBAC subresource of `nodes` that upstream asks for; used in the Forbidden message. */
export function subresourceOf(route: KubeletRoute): string {
  if (route.kind === 'metrics') return 'metrics';
  if (route.kind === 'statsSummary') return 'stats';
  if (route.kind === 'containerLogs') return 'log';
  return 'proxy';
}
