/** From informers to snapshot, queue and events. Source: kubernetes pkg/scheduler/eventhandlers.go. */
import { appsV1, coreV1, type KindRef, type KubeObject, keyOf, policyV1, resourceV1, storageV1 } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { DeviceClass } from '@kapella/api/types/resource-v1';
import { type Ctx, jsonEqual } from '@kapella/base';
import type { Cache, InformerHandler } from '@kapella/client';
import {
  type ClusterEvent,
  type EventResource,
  nodeUpdateEvents,
  podUpdateEvents,
} from '../framework/cluster-events.ts';
import type { ClusterLookup, LookupKind, LookupKinds } from '../framework/cluster-lookup.ts';
import { podStateOf } from '../framework/pod-state.ts';
import type { Snapshot } from '../framework/snapshot.ts';
import type { SchedulingQueue } from '../queue/scheduling-queue.ts';

const KINDS: { readonly [K in LookupKind]: KindRef<LookupKinds[K]> } = {
  Namespace: coreV1.Namespace,
  Service: coreV1.Service,
  ReplicationController: coreV1.ReplicationController,
  ReplicaSet: appsV1.ReplicaSet,
  StatefulSet: appsV1.StatefulSet,
  PersistentVolume: coreV1.PersistentVolume,
  PersistentVolumeClaim: coreV1.PersistentVolumeClaim,
  StorageClass: storageV1.StorageClass,
  CSINode: storageV1.CSINode,
  CSIDriver: storageV1.CSIDriver,
  CSIStorageCapacity: storageV1.CSIStorageCapacity,
  VolumeAttachment: storageV1.VolumeAttachment,
  PodDisruptionBudget: policyV1.PodDisruptionBudget,
  ResourceClaim: resourceV1.ResourceClaim,
  ResourceSlice: resourceV1.ResourceSlice,
  DeviceClass: resourceV1.DeviceClass,
};

/** Plans are made of what these say; of workloads only which Pods they select. */
const PLANNED_FROM: ReadonlyMap<LookupKind, (object: KubeObject) => unknown> = new Map([
  ['Namespace', (object) => object.metadata.labels],
  ['Service', selectorOf],
  ['ReplicationController', selectorOf],
  ['ReplicaSet', selectorOf],
  ['StatefulSet', selectorOf],
  ['DeviceClass', (object) => (object as DeviceClass).spec.extendedResourceName],
]);

/** Changes of these are events that Pods wait for. */
const EVENT_KINDS: readonly (LookupKind & EventResource)[] = [
  'PersistentVolume',
  'PersistentVolumeClaim',
  'StorageClass',
  'CSINode',
  'CSIDriver',
  'CSIStorageCapacity',
  'VolumeAttachment',
  'ResourceClaim',
  'ResourceSlice',
  'DeviceClass',
];

export function createLookup(cache: Cache): ClusterLookup {
  return {
    get: (kind, key) => cache.informer(KINDS[kind]).get(key),
    list: (kind, namespace) => cache.informer(KINDS[kind]).list(namespace),
  };
}

export interface FeedTarget {
  readonly snapshot: Snapshot;
  readonly queue: SchedulingQueue;
  /** Placed by this scheduler, not yet seen bound by the informer. */
  readonly assumed: Set<string>;
  /** Whether one of this scheduler's profiles is the Pod's. */
  isOwn(pod: Pod): boolean;
  /** An object that a Pod under way may wait for has changed. */
  changed(): void;
}

/** Answers what ends it all. */
export function subscribeFeed(cache: Cache, target: FeedTarget): () => void {
  const stops = [
    cache.informer(coreV1.Node).subscribe(nodeHandler(target)),
    cache.informer(coreV1.Pod).subscribe(podHandler(target)),
  ];
  for (const kind of Object.keys(KINDS) as LookupKind[]) {
    const informer = cache.informer(KINDS[kind] as KindRef<KubeObject>);
    const parts = PLANNED_FROM.get(kind);
    if (parts !== undefined) stops.push(informer.subscribe(planHandler(parts, target)));
    const resource = EVENT_KINDS.find((name) => name === kind);
    if (resource !== undefined) stops.push(informer.subscribe(eventHandler(resource, target)));
  }
  return () => {
    for (const stop of stops) stop();
  };
}

export async function feedSynced(cache: Cache, ctx: Ctx): Promise<void> {
  const kinds = [coreV1.Node, coreV1.Pod, ...Object.values(KINDS)] as readonly KindRef<KubeObject>[];
  await Promise.all(kinds.map((kind) => cache.informer(kind).synced(ctx)));
}

function nodeHandler({ snapshot, queue }: FeedTarget): InformerHandler<Node> {
  return {
    add(node) {
      snapshot.setNode(node);
      queue.wake({ resource: 'Node', action: 'Add', new: node });
    },
    update(node, old) {
      snapshot.setNode(node);
      for (const event of nodeUpdateEvents(node, old)) queue.wake(event);
    },
    delete(node) {
      snapshot.removeNode(node.metadata.name);
      queue.wake({ resource: 'Node', action: 'Delete', old: node });
    },
  };
}

function podHandler(target: FeedTarget): InformerHandler<Pod> {
  return {
    add: (pod) => setPod(target, pod, undefined),
    update: (pod, old) => setPod(target, pod, old),
    delete: (pod) => removePod(target, pod),
  };
}

function setPod(target: FeedTarget, pod: Pod, old: Pod | undefined): void {
  const { assumed } = target;
  const isOver = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  if (isOver) removePod(target, pod);
  else if (pod.spec.nodeName) setPlaced(target, pod, old);
  else if (assumed.has(keyOf(pod)) || !target.isOwn(pod)) return;
  else if (pod.metadata.deletionTimestamp !== undefined) removePod(target, pod);
  else setWaiting(target, pod, old);
}

function setPlaced({ snapshot, queue, assumed }: FeedTarget, pod: Pod, old: Pod | undefined): void {
  const key = keyOf(pod);
  const before = snapshot.placed(key);
  const wasAssumed = assumed.delete(key);
  queue.delete(key);
  const state = podStateOf(pod, true);
  snapshot.nominate(state, undefined);
  snapshot.place(state, pod.spec.nodeName as string);
  if (before === undefined || wasAssumed) queue.wake({ resource: 'AssignedPod', action: 'Add', new: pod });
  else for (const event of podUpdateEvents(pod, old ?? before.pod)) queue.wake(event);
}

function setWaiting({ snapshot, queue }: FeedTarget, pod: Pod, old: Pod | undefined): void {
  queue.set(pod);
  const { nominatedNodeName } = pod.status ?? {};
  if (nominatedNodeName) snapshot.nominate(podStateOf(pod, false), nominatedNodeName);
  else if (old?.status?.nominatedNodeName) snapshot.nominate(podStateOf(pod, false), undefined);
}

function removePod({ snapshot, queue, assumed, changed }: FeedTarget, pod: Pod): void {
  const key = keyOf(pod);
  queue.delete(key);
  assumed.delete(key);
  const wasNominated = snapshot.nominatedNode(key) !== undefined;
  if (wasNominated) snapshot.nominate(podStateOf(pod), undefined);
  changed();
  if (snapshot.isPlaced(key)) {
    snapshot.unplace(key);
    queue.wake({ resource: 'AssignedPod', action: 'Delete', old: pod });
  } else if (wasNominated) queue.wake({ resource: 'UnscheduledPod', action: 'Delete', old: pod });
}

function planHandler(parts: (object: KubeObject) => unknown, { snapshot }: FeedTarget): InformerHandler<KubeObject> {
  return {
    add: () => snapshot.clusterChanged(),
    update(object, old) {
      if (!jsonEqual(parts(object), parts(old))) snapshot.clusterChanged();
    },
    delete: () => snapshot.clusterChanged(),
  };
}

function eventHandler(resource: EventResource, { queue, changed }: FeedTarget): InformerHandler<KubeObject> {
  const tell = (event: ClusterEvent) => {
    queue.wake(event);
    changed();
  };
  return {
    add: (object) => tell({ resource, action: 'Add', new: object }),
    update: (object, old) => tell({ resource, action: 'Update', old, new: object }),
    delete: (object) => tell({ resource, action: 'Delete', old: object }),
  };
}

function selectorOf(object: KubeObject): unknown {
  return (object as { spec?: { selector?: unknown } }).spec?.selector;
}
