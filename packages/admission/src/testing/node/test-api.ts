/** An API server in memory with a few small kinds and the plugins under test. */
import {
  alwaysAllow,
  type AdmissionPlugin,
  type AnyDefinition,
  createApiServer,
  createAuthenticator,
  createMetricsRegistry,
  defineResource,
} from '@kapella/apiserver';
import { silentLogger } from '@kapella/base';
import { hostCtx } from '@kapella/base/node';
import { createMemoryStore } from '@kapella/store';

const GROUP = 'admissionregistration.k8s.io';
const encoder = new TextEncoder();
const decoder = new TextDecoder();

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
export type Json = any;

export interface Answer {
  readonly status: number;
  readonly warning: unknown;
  readonly json: Json;
}

export interface TestApi extends Disposable {
  /** In Prometheus' text. */
  metrics(): string;
  ask(method: string, url: string, body?: object): Promise<Answer>;
  /** An upgrade: rejects with why it is refused. */
  connect(url: string): Promise<unknown>;
}

const kind = (
  group: string,
  name: string,
  plural: string,
  scope: 'cluster' | 'namespaced' = 'cluster',
): AnyDefinition =>
  defineResource<Json>({ id: { group, version: 'v1', kind: name, plural }, scope, columns: [], keepDecoded: true });

/** Pods with a stream, a proxy and logs; nobody listens behind them. */
const pods: AnyDefinition = defineResource<Json>({
  id: { group: '', version: 'v1', kind: 'Pod', plural: 'pods' },
  scope: 'namespaced',
  columns: [],
  subresources: {
    connects: {
      attach: {
        verbs: ['get', 'create'],
        options: (query) => ({ apiVersion: 'v1', kind: 'PodAttachOptions', container: query.get('container') }) as Json,
        target: async () => NOWHERE,
      },
      log: { verbs: ['get'], target: async () => NOWHERE },
    },
  },
});

const NOWHERE = { protocol: 'http', host: 'nowhere', port: 1, path: '/', kubeletAuth: false } as const;

const KINDS: readonly AnyDefinition[] = [
  kind('', 'Namespace', 'namespaces'),
  pods,
  kind('', 'ConfigMap', 'configmaps', 'namespaced'),
  kind('apps', 'Deployment', 'deployments', 'namespaced'),
  kind(GROUP, 'MutatingWebhookConfiguration', 'mutatingwebhookconfigurations'),
  kind(GROUP, 'ValidatingWebhookConfiguration', 'validatingwebhookconfigurations'),
  kind(GROUP, 'MutatingAdmissionPolicy', 'mutatingadmissionpolicies'),
  kind(GROUP, 'MutatingAdmissionPolicyBinding', 'mutatingadmissionpolicybindings'),
  kind(GROUP, 'ValidatingAdmissionPolicy', 'validatingadmissionpolicies'),
  kind(GROUP, 'ValidatingAdmissionPolicyBinding', 'validatingadmissionpolicybindings'),
];

/** With a namespace `default` whose label `team` is `a`. */
export async function startTestApi(
  admission: readonly AdmissionPlugin[],
  services: ReadonlyMap<string, unknown> = new Map(),
): Promise<TestApi> {
  const stop = new AbortController();
  const ctx = hostCtx(stop.signal, silentLogger);
  const server = createApiServer(
    {
      store: createMemoryStore(),
      resources: KINDS,
      admission,
      authenticator: createAuthenticator({ tokens: [] }),
      authorizer: alwaysAllow,
      metrics: createMetricsRegistry(),
      services: new Map([['immediateAuthorizer', alwaysAllow], ...services]),
    },
    ctx,
  );
  await server.ready(ctx);
  const api: TestApi = {
    metrics: () => server.metrics.text(),
    async ask(method, url, body) {
      const [path = '', query = ''] = url.split('?');
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const request = { method, path, query, headers: { 'content-type': type } };
      const sent = body === undefined ? {} : { body: encoder.encode(JSON.stringify(body)) };
      const response = await server.handle({ ...request, ...sent }, ctx);
      const json = JSON.parse(decoder.decode(response.body as Uint8Array)) as Json;
      return { status: response.status, warning: response.headers['warning'], json };
    },
    connect(url) {
      const [path = '', query = ''] = url.split('?');
      return server.connect({ method: 'POST', path, query, headers: {} }, ctx);
    },
    [Symbol.dispose]() {
      stop.abort();
      server.close();
    },
  };
  await api.ask('POST', '/api/v1/namespaces', { metadata: { name: 'default', labels: { team: 'a' } } });
  return api;
}
