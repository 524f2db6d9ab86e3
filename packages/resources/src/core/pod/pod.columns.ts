/** What `kubectl get pods` prints. Source: kubernetes pkg/printers/internalversion/printers.go, printPod. */
import type { Container, ContainerStatus, Pod } from '@kapella/api/types/core-v1';
import type { Column } from '@kapella/apiserver';
import { parseTime } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { humanDuration } from '../../support/format.ts';

interface Summary {
  readonly ready: number;
  readonly total: number;
  readonly reason: string;
  readonly restarts: number;
  /** When the last restarted container ended; undefined when none did. */
  readonly lastRestartMs: number | undefined;
}

export const podColumnList: readonly Column<Pod>[] = [
  nameColumn(),
  { name: 'Ready', value: (pod) => readyText(summarize(pod)) },
  { name: 'Status', value: (pod) => summarize(pod).reason },
  { name: 'Restarts', value: (pod, nowMs) => restartsText(summarize(pod), nowMs) },
  ageColumn(),
  { name: 'IP', wide: true, value: (pod) => pod.status?.podIPs?.[0]?.ip || '<none>' },
  { name: 'Node', wide: true, value: (pod) => pod.spec.nodeName || '<none>' },
  { name: 'Nominated Node', wide: true, value: (pod) => pod.status?.nominatedNodeName || '<none>' },
  { name: 'Readiness Gates', wide: true, value: readinessGates },
];

const readyText = ({ ready, total }: Summary) => `${ready}/${total}`;

function restartsText({ restarts, lastRestartMs }: Summary, nowMs: number): string {
  if (restarts === 0 || lastRestartMs === undefined) return String(restarts);
  return `${restarts} (${humanDuration(nowMs - lastRestartMs)} ago)`;
}

function readinessGates(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? [];
  if (gates.length === 0) return '<none>';
  const isTrue = (type: string) => pod.status?.conditions?.find((c) => c.type === type)?.status === 'True';
  return `${gates.filter((gate) => isTrue(gate.conditionType)).length}/${gates.length}`;
}

export function summarize(pod: Pod): Summary {
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar);
  const init = summarizeInit(pod);
  const total = pod.spec.containers.length + sidecars.length;
  let summary: Summary = { ...init.summary, total, reason: init.reason ?? baseReason(pod) };
  if (init.reason === undefined || isInitialized(pod)) {
    summary = withMain(pod, { ...summary, restarts: init.sidecarRestarts, lastRestartMs: init.sidecarLastMs });
  }
  return { ...summary, reason: deletionReason(pod) ?? summary.reason };
}

function baseReason(pod: Pod): string {
  const gated = pod.status?.conditions?.some((c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated');
  if (gated) return 'SchedulingGated';
  return pod.status?.reason || pod.status?.phase || '';
}

function deletionReason(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status?.reason === 'NodeLost') return 'Unknown';
  const terminal = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
  return terminal ? undefined : 'Terminating';
}

interface InitSummary {
  readonly summary: Omit<Summary, 'total' | 'reason'>;
  /** Set while init containers are not done. */
  readonly reason: string | undefined;
  readonly sidecarRestarts: number;
  readonly sidecarLastMs: number | undefined;
}

function summarizeInit(pod: Pod): InitSummary {
  const specs = new Map((pod.spec.initContainers ?? []).map((container) => [container.name, container]));
  let ready = 0;
  let restarts = 0;
  let lastRestartMs: number | undefined;
  let sidecarRestarts = 0;
  let sidecarLastMs: number | undefined;
  let reason: string | undefined;
  for (const [index, status] of (pod.status?.initContainerStatuses ?? []).entries()) {
    const sidecar = isSidecar(specs.get(status.name));
    restarts += status.restartCount;
    lastRestartMs = later(lastRestartMs, status);
    if (sidecar) {
      sidecarRestarts += status.restartCount;
      sidecarLastMs = later(sidecarLastMs, status);
    }
    if (status.state?.terminated?.exitCode === 0) continue;
    if (sidecar && status.started === true) {
      if (status.ready) ready++;
      continue;
    }
    reason = initReason(status, index, specs.size);
    break;
  }
  return { summary: { ready, restarts, lastRestartMs }, reason, sidecarRestarts, sidecarLastMs };
}

function initReason(status: ContainerStatus, index: number, count: number): string {
  const { terminated, waiting } = status.state ?? {};
  if (terminated !== undefined) return `Init:${terminatedReason(terminated)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${count}`;
}

type Terminated = NonNullable<NonNullable<ContainerStatus['state']>['terminated']>;

function terminatedReason(terminated: Terminated): string {
  if (terminated.reason) return terminated.reason;
  return terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`;
}

function withMain(pod: Pod, start: Summary): Summary {
  let { ready, reason, restarts, lastRestartMs } = start;
  let hasRunning = false;
  let errorReason = '';
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    restarts += status.restartCount;
    lastRestartMs = later(lastRestartMs, status);
    const { waiting, terminated, running } = status.state ?? {};
    if (waiting?.reason) {
      reason = waiting.reason;
    } else if (terminated !== undefined) {
      reason = terminatedReason(terminated);
      if (terminated.exitCode !== 0) errorReason = reason;
    } else if (status.ready && running !== undefined) {
      hasRunning = true;
      ready++;
    }
  }
  if (reason === 'Completed') reason = reasonBesideCompleted(pod, hasRunning, errorReason);
  return { ...start, ready, reason, restarts, lastRestartMs };
}

/** The first container has completed: what others do says more. */
function reasonBesideCompleted(pod: Pod, hasRunning: boolean, errorReason: string): string {
  if (hasRunning && hasTrueCondition(pod, 'Ready')) return 'Running';
  if (errorReason !== '') return errorReason;
  return hasRunning ? 'NotReady' : 'Completed';
}

function later(lastMs: number | undefined, status: ContainerStatus): number | undefined {
  const endedMs = parseTime(status.lastState?.terminated?.finishedAt);
  return endedMs !== undefined && (lastMs === undefined || endedMs > lastMs) ? endedMs : lastMs;
}

const isSidecar = (container: Container | undefined) => container?.restartPolicy === 'Always';
const isInitialized = (pod: Pod) => pod.status?.conditions?.find((c) => c.type === 'Initialized')?.status === 'True';
const hasTrueCondition = (pod: Pod, type: string) =>
  pod.status?.conditions?.some((c) => c.type === type && c.status === 'True') ?? false;
