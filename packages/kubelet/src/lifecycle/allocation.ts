/**
 * What a Pod has been given of the node, while its spec already asks for something else: a resize that does not fit waits
 * or is refused, and until then everything goes on with what was given. Source: kubernetes pkg/kubelet/allocation.
 */
import type { Container, Pod, PodSpec, ResourceRequirements } from '@kapella/api/types/core-v1';
import { jsonEqual } from '@kapella/base';
import { judgeRoom, type NodeRoom, overCapacity } from './admission.ts';

export interface Allocation {
  /** Of the Pod as a whole. */
  readonly pod: ResourceRequirements | undefined;
  /** By name of the container. */
  readonly containers: ReadonlyMap<string, ResourceRequirements | undefined>;
}

/** Why a resize is not done now. */
export interface PendingResize {
  /** Infeasible: this node can never give that much. */
  readonly reason: 'Deferred' | 'Infeasible';
  readonly message: string;
}

/** A resize that was granted and is not in effect everywhere yet. */
export interface ResizeInProgress {
  /** Of the Pod whose resources are being put into effect. */
  readonly generation: number;
  /** Why the last attempt failed; '' = it did not. */
  readonly error: string;
}

const containersOf = ({ initContainers = [], containers }: PodSpec): readonly Container[] => [
  ...initContainers,
  ...containers,
];

export const allocationOf = ({ spec }: Pod): Allocation => ({
  pod: spec.resources,
  containers: new Map(containersOf(spec).map(({ name, resources }) => [name, resources])),
});

/** The Pod with what it was given in place of what it asks for; the same object when there is no difference. */
export function withAllocation(pod: Pod, allocation: Allocation): Pod {
  const { spec } = pod;
  if (isSame(allocationOf(pod), allocation)) return pod;
  const given = (container: Container): Container => {
    const { resources: _wanted, ...rest } = container;
    const resources = allocation.containers.get(container.name);
    return resources === undefined ? rest : { ...rest, resources };
  };
  const { resources: _wanted, ...rest } = spec;
  return {
    ...pod,
    spec: {
      ...rest,
      ...(allocation.pod === undefined ? {} : { resources: allocation.pod }),
      containers: spec.containers.map(given),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(given) }),
    },
  };
}

const isSame = (a: Allocation, b: Allocation) =>
  jsonEqual(a.pod, b.pod) && jsonEqual([...a.containers], [...b.containers]);

/** An agent that begins anew, with a resize pending, knows what was given from what was reported. */
export function initialAllocation(pod: Pod): Allocation {
  const wanted = allocationOf(pod);
  const { conditions = [], containerStatuses = [], initContainerStatuses = [], resources } = pod.status ?? {};
  if (!conditions.some(({ type, status }) => type === 'PodResizePending' && status === 'True')) return wanted;
  const reported = [...initContainerStatuses, ...containerStatuses];
  const givenOf = (name: string, asked: ResourceRequirements | undefined) =>
    reported.find((status) => status.name === name)?.resources ?? asked;
  return {
    pod: resources ?? wanted.pod,
    containers: new Map([...wanted.containers].map(([name, asked]) => [name, givenOf(name, asked)])),
  };
}

/** `others`: the Pods that are on the node and not over, without this one. undefined = it fits. */
export function judgeResize(pod: Pod, others: readonly Pod[], room: NodeRoom): PendingResize | undefined {
  const tooMuch = overCapacity(pod, room);
  if (tooMuch !== undefined) return { reason: 'Infeasible', message: tooMuch };
  const lack = judgeRoom(pod, others, room);
  return lack === undefined ? undefined : { reason: 'Deferred', message: lack.message };
}
