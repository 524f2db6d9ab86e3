/** The few parts of an API server that a node agent talks to, in memory: Pods with graceful deletion, objects, events. */
import type { KindRef, KubeObject } from '@kapella/api';
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import { errors, formatTime, type Clock } from '@kapella/base';
import type { Client, EventRecorder, Informer, InformerHandler, Named } from '@kapella/client';
import type { ObjectCache } from '../objects/object-cache.ts';

export interface FakeEvent {
  readonly pod: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly fieldPath: string;
}

export interface FakeApi {
  readonly client: Client;
  readonly pods: Pick<Informer<Pod>, 'subscribe' | 'synced'>;
  readonly recorder: EventRecorder;
  readonly objects: ObjectCache;
  readonly events: FakeEvent[];
  /** Every status written, oldest first, by Pod name. */
  readonly statuses: Map<string, PodStatus[]>;
  add(pod: Pod): void;
  change(name: string, change: (pod: Pod) => Pod): void;
  get(name: string): Pod | undefined;
  /** As `kubectl delete`. */
  remove(name: string, graceSeconds?: number): void;
  putObject(kind: string, object: KubeObject): void;
}

export function createFakeApi(clock: Clock): FakeApi {
  const pods = new Map<string, Pod>();
  const handlers = new Set<InformerHandler<Pod>>();
  const events: FakeEvent[] = [];
  const statuses = new Map<string, PodStatus[]>();
  const objects = new Map<string, KubeObject>();
  const owners = new Map<string, Set<string>>();
  let onObject: (uids: readonly string[]) => void = () => {};
  let revision = 0;

  const store = (pod: Pod, old: Pod | undefined): Pod => {
    const next = { ...pod, metadata: { ...pod.metadata, resourceVersion: String(++revision) } };
    pods.set(next.metadata.name, next);
    // The informer tells of it later, as over a network.
    clock.setTimer(0, () => {
      for (const handler of handlers) {
        if (old === undefined) handler.add?.(next);
        else handler.update?.(next, old);
      }
    });
    return next;
  };
  const drop = (pod: Pod) => {
    pods.delete(pod.metadata.name);
    clock.setTimer(0, () => {
      for (const handler of handlers) handler.delete?.(pod);
    });
  };
  const nameOf = (named: Named) => ('metadata' in named ? named.metadata.name : named.name);
  const find = (named: Named): Pod => {
    const pod = pods.get(nameOf(named));
    if (pod === undefined) throw errors.notFound({ group: '', resource: 'pods', name: nameOf(named) });
    return pod;
  };
  const objectKey = (kind: string, namespace: string, name: string) => `${kind}/${namespace}/${name}`;

  const client = {
    async patch(_kind: unknown, named: Named, { body }: { body: { metadata: { uid: string }; status: object } }) {
      const pod = find(named);
      if (body.metadata.uid !== pod.metadata.uid)
        throw errors.conflict({ group: '', resource: 'pods', name: pod.metadata.name }, 'uid');
      const status = mergeStatus(pod.status ?? {}, body.status);
      statuses.set(pod.metadata.name, [...(statuses.get(pod.metadata.name) ?? []), status]);
      return store({ ...pod, status }, pod);
    },
    async delete(_kind: unknown, named: Named, _ctx: unknown, options: { uid?: string } = {}) {
      const pod = find(named);
      if (options.uid !== pod.metadata.uid)
        throw errors.conflict({ group: '', resource: 'pods', name: pod.metadata.name }, 'uid');
      drop(pod);
    },
    async createSubresource() {
      return { status: { token: 'token', expirationTimestamp: formatTime(clock.nowMs() + 3_600_000) } };
    },
    async get() {
      return undefined;
    },
  } as unknown as Client;

  return {
    client,
    events,
    statuses,
    pods: {
      subscribe(handler) {
        handlers.add(handler);
        for (const pod of pods.values()) handler.add?.(pod);
        return () => handlers.delete(handler);
      },
      synced: async () => {},
    },
    recorder: {
      event(about, type, reason, message, options) {
        events.push({ pod: about.metadata.name, type, reason, message, fieldPath: options?.fieldPath ?? '' });
      },
    },
    objects: {
      acquire(kind, namespace, name, owner) {
        const key = objectKey(kind.kind, namespace, name);
        owners.set(key, (owners.get(key) ?? new Set()).add(owner));
      },
      release: () => {},
      get: async <T>(kind: KindRef<T>, namespace: string, name: string) =>
        objects.get(objectKey(kind.kind, namespace, name)) as T | undefined,
      peek: <T>(kind: KindRef<T>, namespace: string, name: string) =>
        objects.get(objectKey(kind.kind, namespace, name)) as T | undefined,
      onChange(fn) {
        onObject = fn;
      },
    },
    add: (pod) => void store(pod, undefined),
    change(name, change) {
      const pod = pods.get(name);
      if (pod !== undefined) store(change(pod), pod);
    },
    get: (name) => pods.get(name),
    remove(name, graceSeconds) {
      const pod = pods.get(name);
      if (pod === undefined) return;
      const grace = graceSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
      const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      if (grace === 0 || over) {
        drop({
          ...pod,
          metadata: { ...pod.metadata, deletionTimestamp: formatTime(clock.nowMs()), deletionGracePeriodSeconds: 0 },
        });
        return;
      }
      const deletionTimestamp = formatTime(clock.nowMs() + grace * 1000);
      store({ ...pod, metadata: { ...pod.metadata, deletionTimestamp, deletionGracePeriodSeconds: grace } }, pod);
    },
    putObject(kind, object) {
      const key = objectKey(kind, object.metadata.namespace ?? '', object.metadata.name);
      objects.set(key, object);
      clock.setTimer(0, () => onObject([...(owners.get(key) ?? [])]));
    },
  };
}

/** As much of a strategic merge as statuses need: conditions by type, null deletes, `$patch: replace`. */
function mergeStatus(status: PodStatus, patch: object): PodStatus {
  const next: Record<string, unknown> = { ...status };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete next[key];
    else if (key === 'conditions') next[key] = mergeConditions(status.conditions ?? [], value);
    else next[key] = Array.isArray(value) ? value.filter((item) => item?.$patch === undefined) : value;
  }
  return next as PodStatus;
}

interface ConditionChange {
  readonly type: string;
  readonly $patch?: string;
}

function mergeConditions(old: readonly { readonly type: string }[], changes: readonly ConditionChange[]) {
  const merged = new Map(old.map((condition) => [condition.type, condition]));
  for (const change of changes) {
    if (change.$patch === 'delete') {
      merged.delete(change.type);
      continue;
    }
    const next = { ...merged.get(change.type), ...change } as Record<string, unknown>;
    for (const [key, value] of Object.entries(next)) if (value === null) delete next[key];
    merged.set(change.type, next as { type: string });
  }
  return [...merged.values()];
}
