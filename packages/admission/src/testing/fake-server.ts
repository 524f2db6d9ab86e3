/** A ServerAccess over plain objects, for tests of plugins. */
import { type KindRef, keyOf, type UnknownObject } from '@kapella/api';
import type { AdmissionRequest, ServerAccess } from '@kapella/apiserver';
import { type Ctx, silentLogger } from '@kapella/base';

type Stored = { readonly kind: string; readonly metadata: object };

export function fakeServer(objects: readonly Stored[], services: Readonly<Record<string, unknown>> = {}): ServerAccess {
  const stored = new Map(objects.map((object) => [`${object.kind}/${keyOf(object as UnknownObject)}`, object]));
  const key = (kind: KindRef<unknown>, namespace: string, name: string) =>
    `${kind.kind}/${namespace === '' ? name : `${namespace}/${name}`}`;
  return {
    follow() {},
    get: async <K>(kind: KindRef<K>, namespace: string, name: string) =>
      stored.get(key(kind, namespace, name)) as K | undefined,
    list: async <K>(kind: KindRef<K>, namespace = '') =>
      [...stored]
        .filter(([id]) => id.startsWith(`${kind.kind}/${namespace === '' ? '' : `${namespace}/`}`))
        .map(([, object]) => object as K),
    isEmpty: (kind) => ![...stored.keys()].some((id) => id.startsWith(`${kind.kind}/`)),
    cached: <K>(kind: KindRef<K>, namespace: string, name: string) =>
      stored.get(key(kind, namespace, name)) as K | undefined,
    kindOf: () => undefined,
    create: async (_kind, object) => object,
    async update<K>(kind: KindRef<K>, namespace: string, name: string, change: (old: K) => K | undefined) {
      const id = key(kind, namespace, name);
      const next = change(stored.get(id) as K);
      if (next !== undefined) stored.set(id, next as Stored);
      return stored.get(id) as K;
    },
    async rewrite<K>(kind: KindRef<K>, namespace: string, name: string, change: (old: K) => K) {
      const id = key(kind, namespace, name);
      stored.set(id, change(stored.get(id) as K) as Stored);
    },
    delete: async () => undefined,
    service<S>(name: string): S {
      if (!Object.hasOwn(services, name)) throw new Error(`no service ${name}`);
      return services[name] as S;
    },
  };
}

/** Timers fire at once; chance is always the same. */
export function testCtx(): Ctx {
  return {
    signal: new AbortController().signal,
    log: silentLogger,
    clock: {
      nowMs: () => Date.parse('2026-01-01T00:00:00Z'),
      monotonicMs: () => 0,
      setTimer(_delayMs, fn) {
        queueMicrotask(fn);
        return { cancel: () => {} };
      },
    },
    random: { float: () => 0.5, bytes: (length) => new Uint8Array(length), uuid: () => 'uuid' },
  };
}

const GROUPS: Readonly<Record<string, string>> = {
  priorityclasses: 'scheduling.k8s.io',
  storageclasses: 'storage.k8s.io',
  ingresses: 'networking.k8s.io',
  leases: 'coordination.k8s.io',
  certificatesigningrequests: 'certificates.k8s.io',
  csinodes: 'storage.k8s.io',
  deployments: 'apps',
};

export function requestFor(
  resource: string,
  part: Partial<AdmissionRequest> = {},
): AdmissionRequest & { warnings: string[] } {
  const group = GROUPS[resource] ?? '';
  const object = part.object ?? part.oldObject;
  const warnings: string[] = [];
  return {
    operation: 'CREATE',
    resource: { group, version: 'v1', resource },
    kind: { group, version: 'v1', kind: object?.kind ?? '', plural: resource, namespaced: true },
    subresource: '',
    namespace: object?.metadata?.namespace ?? '',
    name: object?.metadata?.name ?? '',
    user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
    object: undefined,
    oldObject: undefined,
    dryRun: false,
    warn: (message) => warnings.push(message),
    ...part,
    warnings,
  };
}
