/**
 * `containerStatuses` from what the runtime has, what was reported before and why starts failed.
 * Source: kubernetes pkg/kubelet/kubelet_pods.go (convertToAPIContainerStatuses).
 */
import type {
  ContainerState,
  ContainerStatus,
  Pod,
  ResourceStatus,
  VolumeMountStatus,
} from '@kapella/api/types/core-v1';
import { formatTime } from '@kapella/base';
import {
  type AnyContainer,
  type ContainerKind,
  isSidecar,
  latest,
  type ObservedContainer,
  type ObservedPod,
} from './observed.ts';
import { anyMainContainerCreated, type ProbeResults } from './plan.ts';
import { isRestartingAll, mayRestartAll, RESTARTING_ALL, shouldBeRestarted } from './restart.ts';

/** Why the last try to start a container failed; cleared by the next success. */
export interface StartFailure {
  readonly reason: string;
  readonly message: string;
}

export interface StatusInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly probes: ProbeResults;
  /** By container name. */
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** What was last reported (by this process, else what the API has). */
  readonly previous: Pod['status'];
  /** Scheme of container ids: `containerd`. */
  readonly runtimeName: string;
  /** The runtime mounts recursively read-only. */
  readonly recursiveReadOnly: boolean;
  /** How the devices are that it has. Absent: it has none. */
  readonly healthOf?: (container: AnyContainer) => readonly ResourceStatus[];
}

export const STATUS_UNKNOWN = 'ContainerStatusUnknown';

const lostContainer = (message: string): ContainerState => ({
  terminated: { exitCode: 137, reason: STATUS_UNKNOWN, message },
});

export function containerStatuses(kind: ContainerKind, input: StatusInput): readonly ContainerStatus[] {
  const containers = containersOf(kind, input.pod);
  const old = new Map(previousOf(kind, input).map((status) => [status.name, status]));
  const list = containers.map((container) =>
    withHealth(kind, oneStatus(kind, container, old.get(container.name), input), container, input),
  );
  return kind === 'init' ? list : list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** Of main containers, as upstream has it. */
function withHealth(
  kind: ContainerKind,
  status: ContainerStatus,
  container: AnyContainer,
  { healthOf }: StatusInput,
): ContainerStatus {
  const health = kind === 'main' ? (healthOf?.(container) ?? []) : [];
  return health.length === 0 ? status : { ...status, allocatedResourcesStatus: health };
}

function containersOf(kind: ContainerKind, { spec }: Pod): readonly AnyContainer[] {
  if (kind === 'init') return spec.initContainers ?? [];
  return kind === 'main' ? spec.containers : (spec.ephemeralContainers ?? []);
}

function previousOf(kind: ContainerKind, { previous }: StatusInput): readonly ContainerStatus[] {
  if (kind === 'init') return previous?.initContainerStatuses ?? [];
  return (kind === 'main' ? previous?.containerStatuses : previous?.ephemeralContainerStatuses) ?? [];
}

function oneStatus(
  kind: ContainerKind,
  container: AnyContainer,
  old: ContainerStatus | undefined,
  input: StatusInput,
): ContainerStatus {
  const instances = input.observed.containers.filter(({ name }) => name === container.name);
  const [newest, before] = instances;
  let status =
    newest === undefined ? withoutInstance(container, old, input) : fromInstance(container, newest, old, input);
  if (before !== undefined) status = { ...status, lastState: fromInstance(container, before, old, input).state };
  else if (newest !== undefined) status = { ...status, lastState: lastStateOf(status, old) };
  return applyFailure(kind, container, status, input);
}

/** Of an instance whose predecessor is gone from the runtime: what was reported about the predecessor. */
function lastStateOf(status: ContainerStatus, old: ContainerStatus | undefined): ContainerState {
  if (old === undefined || status.restartCount === 0) return {};
  if (old.containerID !== status.containerID && old.state?.terminated !== undefined)
    return { terminated: old.state.terminated };
  return old.lastState?.terminated === undefined ? {} : { terminated: old.lastState.terminated };
}

function withoutInstance(
  container: AnyContainer,
  old: ContainerStatus | undefined,
  input: StatusInput,
): ContainerStatus {
  if (
    old !== undefined &&
    old.state?.waiting === undefined &&
    isRestartingAll(input.pod, input.observed, input.previous)
  ) {
    return removedToRestart(container, old, input);
  }
  if (old?.state?.terminated !== undefined) return old;
  const reason = input.pod.spec.initContainers?.length ? 'PodInitializing' : 'ContainerCreating';
  const fresh: ContainerStatus = {
    name: container.name,
    state: { waiting: { reason } },
    lastState: old?.lastState ?? {},
    ready: false,
    restartCount: old?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    ...mountsOf(container, old, input),
  };
  if (old?.state?.running === undefined || fresh.lastState?.terminated !== undefined) return fresh;
  // It ran before and the runtime has lost it: it must not look as if it had never run.
  const message = 'The container could not be located when the pod was deleted.  The container used to be Running';
  const deleted = input.pod.metadata.deletionTimestamp !== undefined;
  return { ...fresh, lastState: lostContainer(message), restartCount: fresh.restartCount + (deleted ? 0 : 1) };
}

/** It was taken away so that all containers begin anew. */
function removedToRestart(container: AnyContainer, old: ContainerStatus, input: StatusInput): ContainerStatus {
  const { reason, message } = RESTARTING_ALL;
  return {
    name: container.name,
    state: { waiting: { reason, message } },
    lastState: { terminated: { exitCode: 137, reason, message } },
    ready: false,
    restartCount: old.restartCount + 1,
    image: container.image ?? '',
    imageID: '',
    ...mountsOf(container, old, input),
  };
}

function fromInstance(
  container: AnyContainer,
  instance: ObservedContainer,
  old: ContainerStatus | undefined,
  input: StatusInput,
): ContainerStatus {
  const containerID = `${input.runtimeName}://${instance.id}`;
  const wasRunning = old?.state?.running !== undefined;
  const lost = instance.state === 'unknown' && wasRunning;
  return {
    name: container.name,
    state: lost
      ? lostContainer('The container could not be located when the pod was terminated')
      : stateOf(instance, containerID),
    lastState: {},
    ready: false,
    restartCount: lost ? old.restartCount + 1 : restartsOf(instance, old, input),
    image: instance.image,
    imageID: instance.imageRef,
    containerID,
    ...resourcesOf(container),
    ...mountsOf(container, old, input),
    ...userOf(instance),
  };
}

/** Instances that were removed counted, too. */
const restartsOf = ({ restartCount }: ObservedContainer, old: ContainerStatus | undefined, { pod }: StatusInput) =>
  mayRestartAll(pod) ? Math.max(restartCount, old?.restartCount ?? 0) : restartCount;

function stateOf(instance: ObservedContainer, containerID: string): ContainerState {
  switch (instance.state) {
    case 'running':
      return { running: { startedAt: formatTime(instance.startedAtMs) } };
    case 'exited':
      return {
        terminated: {
          exitCode: instance.exitCode,
          ...(instance.reason === '' ? {} : { reason: instance.reason }),
          ...(instance.message === '' ? {} : { message: instance.message }),
          ...(instance.startedAtMs === 0 ? {} : { startedAt: formatTime(instance.startedAtMs) }),
          finishedAt: formatTime(instance.finishedAtMs),
          containerID,
        },
      };
    default:
      return { waiting: {} };
  }
}

function resourcesOf({ resources }: AnyContainer) {
  if (resources === undefined) return { resources: {} };
  const { requests } = resources;
  return { resources, ...(requests === undefined ? {} : { allocatedResources: requests }) };
}

function userOf({ user }: ObservedContainer) {
  if (user === undefined) return {};
  const { uid, gid, supplementalGroups } = user;
  return { user: { linux: { uid, gid, supplementalGroups } } };
}

function mountsOf(container: AnyContainer, old: ContainerStatus | undefined, input: StatusInput) {
  if (old?.volumeMounts !== undefined) return { volumeMounts: old.volumeMounts };
  if (!container.volumeMounts?.length) return {};
  const volumeMounts = container.volumeMounts.map((mount): VolumeMountStatus => {
    const base = { name: mount.name, mountPath: mount.mountPath };
    if (mount.readOnly !== true) return base;
    const recursive = mount.recursiveReadOnly;
    const enabled = recursive === 'Enabled' || (recursive === 'IfPossible' && input.recursiveReadOnly);
    return { ...base, readOnly: true, recursiveReadOnly: enabled ? 'Enabled' : 'Disabled' };
  });
  return { volumeMounts };
}

/** A container that should run but could not be started waits with the reason; how it ended before moves to lastState. */
function applyFailure(
  kind: ContainerKind,
  container: AnyContainer,
  status: ContainerStatus,
  input: StatusInput,
): ContainerStatus {
  const { pod, observed, failures } = input;
  if (kind === 'init') {
    const instance = latest(observed, container.name);
    if (instance?.state === 'exited' && instance.exitCode === 0 && !isSidecar(container)) return status;
    if (
      instance === undefined &&
      !isSidecar(container) &&
      status.state?.waiting &&
      anyMainContainerCreated(pod, observed)
    ) {
      return { ...status, state: { terminated: forgottenInit } };
    }
  }
  const failure = failures.get(container.name);
  if (failure === undefined || !shouldBeRestarted(container, pod, observed)) return status;
  const { reason, message } = failure;
  return {
    ...status,
    ...(status.state?.terminated === undefined ? {} : { lastState: status.state }),
    state: { waiting: { reason, ...(message === '' ? {} : { message }) } },
  };
}

const forgottenInit = {
  exitCode: 0,
  reason: 'Completed',
  message:
    'Unable to get init container status from container runtime and pod has been initialized, treat it as exited normally',
};
