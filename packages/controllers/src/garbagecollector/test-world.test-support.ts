/** An API in memory with discovery and a few kinds, and a garbage collector or another controller on it. */
import { apiVersionOf, coreV1, type KindRef, type KubeObject } from '@kapella/api';
import { createLogger, createSeededRandom, createVirtualClock, type Ctx, type LogRecord } from '@kapella/base';
import { createCache, createClient } from '@kapella/client';
import { createFakeApi, type FakeRequest } from '@kapella/client/fake';
import { type Controller, type ControllerDeps, runControllers, slowStart } from '@kapella/controller';

export const KINDS: readonly KindRef[] = [
  coreV1.ConfigMap,
  coreV1.Secret,
  coreV1.Pod,
  coreV1.PersistentVolume,
] as KindRef[];
const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

export function createWorld(make: (deps: ControllerDeps) => Controller, kinds: () => readonly KindRef[] = () => KINDS) {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const logs: LogRecord[] = [];
  const ctx: Ctx = { signal: stop.signal, log: createLogger((r) => logs.push(r)), clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const events: string[] = [];
  const hooks: { on?: (request: FakeRequest) => object | undefined } = {};
  api.intercept = (request) => {
    if (request.root === '/api') return aggregated(kinds().filter((kind) => kind.group === ''));
    if (request.root === '/apis') return aggregated(kinds().filter((kind) => kind.group !== ''));
    return hooks.on?.(request);
  };
  const client = createClient(api, { userAgent: 'test/1' });
  const cache = createCache(client);
  const recorder = {
    event: (_about: unknown, _type: string, reason: string, message: string) =>
      void events.push(`${reason}: ${message}`),
  };
  const controller = make({ cache, client, events: recorder, batch: slowStart });
  const user = createClient(api, { userAgent: 'user/1' });
  let running: Promise<void> | undefined;
  return {
    clock,
    ctx,
    api,
    user,
    cache,
    logs,
    events,
    hooks,
    async start() {
      running = runControllers([controller], { cache }, ctx);
      await clock.settle();
    },
    async end() {
      stop.abort();
      await clock.settle();
      await running;
    },
    all: () => kinds().flatMap((kind) => api.objects(kind) as KubeObject[]),
    names: () =>
      kinds()
        .flatMap((kind) => api.objects(kind) as KubeObject[])
        .map((o) => o.metadata.name)
        .toSorted(),
  };
}

function aggregated(kinds: readonly KindRef[]) {
  const groups = [...new Set(kinds.map((kind) => kind.group))];
  const items = groups.map((group) => {
    const version = kinds.find((kind) => kind.group === group)?.version;
    const resources = kinds
      .filter((kind) => kind.group === group)
      .map(({ plural, kind, namespaced }) => ({
        resource: plural,
        responseKind: { kind },
        scope: namespaced ? 'Namespaced' : 'Cluster',
        verbs: VERBS,
      }));
    return { metadata: { name: group }, versions: [{ version, resources, freshness: 'Current' }] };
  });
  return { kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', items };
}

export function reference(owner: KubeObject, more: object = {}) {
  const { apiVersion, kind, metadata } = owner;
  return { apiVersion, kind, name: metadata.name, uid: metadata.uid, ...more };
}

export const objectOf = (kind: KindRef, name: string, owners: object[] = [], more: object = {}) => ({
  apiVersion: apiVersionOf(kind),
  kind: kind.kind,
  metadata: {
    name,
    ...(kind.namespaced ? { namespace: 'ns' } : {}),
    ...(owners.length > 0 ? { ownerReferences: owners } : {}),
    ...more,
  },
});
