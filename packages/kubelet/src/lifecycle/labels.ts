/** Labels and annotations that tie runtime objects to Pods. Source: kubernetes pkg/kubelet/kuberuntime/labels.go. */
import type { Container, LifecycleHandler, Pod } from '@kapella/api/types/core-v1';
import type { StringMap } from '../cri/cri.ts';
import type { AnyContainer } from './observed.ts';

export const POD_NAME = 'io.kubernetes.pod.name';
export const POD_NAMESPACE = 'io.kubernetes.pod.namespace';
export const POD_UID = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME = 'io.kubernetes.container.name';

const DELETION_GRACE = 'io.kubernetes.pod.deletionGracePeriod';
const TERMINATION_GRACE = 'io.kubernetes.pod.terminationGracePeriod';
const HASH = 'io.kubernetes.container.hash';
const RESTART_COUNT = 'io.kubernetes.container.restartCount';
const MESSAGE_PATH = 'io.kubernetes.container.terminationMessagePath';
const MESSAGE_POLICY = 'io.kubernetes.container.terminationMessagePolicy';
const PRE_STOP = 'io.kubernetes.container.preStopHandler';
const PORTS = 'io.kubernetes.container.ports';

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** FNV-1a (32 bit, hex) over name and image: the two fields whose change makes a new container. */
export function containerHash(container: AnyContainer): string {
  const bytes = new TextEncoder().encode(JSON.stringify({ image: container.image ?? '', name: container.name }));
  let hash = FNV_OFFSET;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, FNV_PRIME) >>> 0;
  return hash.toString(16);
}

export const sandboxLabels = ({ metadata }: Pod): StringMap => ({
  ...metadata.labels,
  [POD_NAME]: metadata.name,
  [POD_NAMESPACE]: metadata.namespace ?? '',
  [POD_UID]: metadata.uid,
});

export const containerLabels = ({ metadata }: Pod, container: AnyContainer): StringMap => ({
  [POD_NAME]: metadata.name,
  [POD_NAMESPACE]: metadata.namespace ?? '',
  [POD_UID]: metadata.uid,
  [CONTAINER_NAME]: container.name,
});

export function containerAnnotations(pod: Pod, container: AnyContainer, restartCount: number): StringMap {
  const grace = pod.spec.terminationGracePeriodSeconds;
  const deletion = pod.metadata.deletionGracePeriodSeconds;
  const preStop = container.lifecycle?.preStop;
  return {
    [HASH]: containerHash(container),
    [RESTART_COUNT]: String(restartCount),
    [MESSAGE_PATH]: container.terminationMessagePath ?? '',
    [MESSAGE_POLICY]: container.terminationMessagePolicy ?? '',
    ...(deletion === undefined ? {} : { [DELETION_GRACE]: String(deletion) }),
    ...(grace === undefined ? {} : { [TERMINATION_GRACE]: String(grace) }),
    ...(preStop === undefined ? {} : { [PRE_STOP]: JSON.stringify(preStop) }),
    ...(container.ports?.length ? { [PORTS]: JSON.stringify(container.ports) } : {}),
  };
}

export interface ContainerFacts {
  readonly hash: string;
  readonly restartCount: number;
  readonly terminationMessagePath: string;
  readonly terminationMessagePolicy: string;
}

export function factsOf(annotations: StringMap): ContainerFacts {
  return {
    hash: annotations[HASH] ?? '',
    restartCount: Number.parseInt(annotations[RESTART_COUNT] ?? '0', 10) || 0,
    terminationMessagePath: annotations[MESSAGE_PATH] ?? '',
    terminationMessagePolicy: annotations[MESSAGE_POLICY] ?? '',
  };
}

export interface OrphanContainer {
  readonly name: string;
  readonly annotations: StringMap;
}

/** Enough of a Pod that is gone from the API to end it decently: its names, grace period and hooks. */
export function restorePod(sandboxLabelMap: StringMap, containers: readonly OrphanContainer[]): Pod {
  const grace = containers.map(({ annotations }) => Number(annotations[TERMINATION_GRACE])).find(Number.isFinite);
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: sandboxLabelMap[POD_NAME] ?? '',
      namespace: sandboxLabelMap[POD_NAMESPACE] ?? '',
      uid: sandboxLabelMap[POD_UID] ?? '',
      resourceVersion: '',
      creationTimestamp: '',
    },
    spec: {
      ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }),
      containers: containers.map(restoreContainer),
    },
  };
}

function restoreContainer({ name, annotations }: OrphanContainer): Container {
  const preStop = parseHandler(annotations[PRE_STOP]);
  return { name, ...(preStop === undefined ? {} : { lifecycle: { preStop } }) };
}

function parseHandler(text: string | undefined): LifecycleHandler | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as LifecycleHandler;
  } catch {
    return undefined; // written by something else: better no hook than a Pod that cannot be ended
  }
}
