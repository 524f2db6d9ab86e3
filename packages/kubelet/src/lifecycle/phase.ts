/** `status.phase` from container statuses. Source: kubernetes pkg/kubelet/kubelet_pods.go (getPhase). */
import type { Container, ContainerStateTerminated, ContainerStatus, Pod, PodPhase } from '@kapella/api/types/core-v1';
import { isSidecar } from './observed.ts';
import { RESTARTING_ALL, restartsAfter } from './restart.ts';

export interface PhaseInput {
  readonly pod: Pod;
  /** Init and main. */
  readonly statuses: readonly ContainerStatus[];
  /** Everything has been stopped for good. */
  readonly terminal: boolean;
  /** A main container exists in the present sandbox. */
  readonly initialized: boolean;
}

interface Counts {
  pendingInit: number;
  failedInit: number;
  pendingSidecar: number;
  unknown: number;
  running: number;
  waiting: number;
  stopped: number;
  stoppedForGood: number;
  succeeded: number;
}

export function phaseOf(input: PhaseInput): PodPhase {
  const c = countContainers(input);
  if (c.failedInit > 0) return 'Failed';
  if (c.pendingInit > 0 || (c.pendingSidecar > 0 && !input.initialized) || c.waiting > 0) return 'Pending';
  if (c.unknown > 0) return 'Pending';
  if (c.running > 0) return 'Running';
  if (c.stopped === 0) return 'Pending';
  if (!input.terminal && c.stopped !== c.stoppedForGood) return 'Running';
  return c.stopped === c.succeeded ? 'Succeeded' : 'Failed';
}

function countContainers({ pod, statuses }: PhaseInput): Counts {
  const counts: Counts = {
    pendingInit: 0,
    failedInit: 0,
    pendingSidecar: 0,
    unknown: 0,
    running: 0,
    waiting: 0,
    stopped: 0,
    stoppedForGood: 0,
    succeeded: 0,
  };
  const byName = new Map(statuses.map((status) => [status.name, status]));
  for (const container of pod.spec.initContainers ?? []) {
    const status = byName.get(container.name);
    if (isSidecar(container)) countSidecar(status, counts);
    else countInit(container, status, pod, counts);
  }
  for (const container of pod.spec.containers) countMain(container, byName.get(container.name), pod, counts);
  return counts;
}

function countInit(container: Container, status: ContainerStatus | undefined, pod: Pod, counts: Counts): void {
  const ended = status?.state?.terminated ?? (status?.state?.waiting && status.lastState?.terminated);
  if (ended === undefined) counts.pendingInit++;
  else if (ended.exitCode !== 0 && !beginsAgain(container, pod, ended)) counts.failedInit++;
}

const beginsAgain = (container: Container, { spec }: Pod, { exitCode, reason }: ContainerStateTerminated): boolean =>
  restartsAfter(container, spec, exitCode) || reason === RESTARTING_ALL.reason;

function countSidecar(status: ContainerStatus | undefined, counts: Counts): void {
  const state = status?.state;
  if (state?.running) {
    if (status?.started !== true) counts.pendingSidecar++;
    counts.running++;
  } else if (state?.waiting) {
    if (status?.lastState?.terminated) return;
    counts.pendingSidecar++;
    counts.waiting++;
  } else if (!state?.terminated) {
    counts.unknown++;
  }
}

function countMain(container: Container, status: ContainerStatus | undefined, pod: Pod, counts: Counts): void {
  const state = status?.state;
  if (state?.running) {
    counts.running++;
    return;
  }
  const ended = state?.terminated ?? (state?.waiting && status?.lastState?.terminated);
  if (ended !== undefined) {
    counts.stopped++;
    if (!beginsAgain(container, pod, ended)) counts.stoppedForGood++;
    if (state?.terminated?.exitCode === 0) counts.succeeded++;
    return;
  }
  if (state?.waiting) counts.waiting++;
  else counts.unknown++;
}
