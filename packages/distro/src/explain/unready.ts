/** Why a Pod that has a node is not ready: container by container. Pure. */
import type { Container, ContainerStatus, Pod } from '@kapella/api/types/core-v1';
import { type Findings, listed, plural } from './findings.ts';

export interface EventLine {
  readonly reason: string;
  readonly message: string;
  readonly count: number;
}

/** `events`: of the Pod, the newest first. */
export function explainUnready(pod: Pod, events: readonly EventLine[]): Findings {
  const { conditions = [], phase = 'Unknown' } = pod.status ?? {};
  const isTrue = (type: string) => conditions.some((c) => c.type === type && c.status === 'True');
  if (phase === 'Succeeded' || phase === 'Failed') {
    return { answer: `it has ended: ${phase}`, because: containerLines(pod), fixes: [] };
  }
  if (isTrue('Ready')) return { answer: `it is ready, on node ${pod.spec.nodeName}`, because: [], fixes: [] };
  const problems = problemsOf(pod);
  const gates = (pod.spec.readinessGates ?? [])
    .map(({ conditionType }) => conditionType)
    .filter((type) => !isTrue(type));
  const warnings = events.slice(0, 3).map(({ reason, message, count }) => `${reason} (${count}×): ${message}`);
  const waitsForVolumes = problems.length === 0 && !isTrue('PodReadyToStartContainers') && phase === 'Pending';
  const answer =
    problems[0]?.what ??
    (gates.length > 0
      ? `its containers are ready, and it waits for ${plural(gates.length, 'readiness gate')}: ${listed(gates)}`
      : waitsForVolumes
        ? `node ${pod.spec.nodeName} has not made it a sandbox yet: volumes, network, or the node itself`
        : `it is ${phase} on node ${pod.spec.nodeName} and not ready`);
  return {
    answer,
    because: [...problems.slice(1).map(({ what }) => what), ...warnings],
    table: { head: ['CONTAINER', 'STATE', 'RESTARTS'], rows: containerRows(pod) },
    fixes: [
      ...problems.flatMap(({ fix }) => fix),
      ...(gates.length > 0
        ? [`Find who sets the condition ${gates[0]}: a load balancer's controller, as a rule.`]
        : []),
      ...(waitsForVolumes ? [`See whether node ${pod.spec.nodeName} is Ready, and the events above.`] : []),
    ],
  };
}

interface Problem {
  readonly what: string;
  readonly fix: readonly string[];
}

function problemsOf(pod: Pod): Problem[] {
  const { initContainers = [], containers } = pod.spec;
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return [...initContainers, ...containers].flatMap((container) => {
    const status = statuses.find(({ name }) => name === container.name);
    const problem = status === undefined ? undefined : problemOf(pod, container, status);
    return problem === undefined ? [] : [problem];
  });
}

function problemOf(pod: Pod, container: Container, status: ContainerStatus): Problem | undefined {
  const { name, ready, restartCount = 0, state, lastState } = status;
  const logs = `kubectl logs ${pod.metadata.name} -n ${pod.metadata.namespace} -c ${name}`;
  const { waiting, running } = state ?? {};
  if (waiting?.reason !== undefined && waiting.reason !== 'PodInitializing' && waiting.reason !== 'ContainerCreating') {
    const last = lastState?.terminated;
    const ended =
      last === undefined ? '' : `; it ended last with code ${last.exitCode}${last.reason ? ` (${last.reason})` : ''}`;
    const what = `container ${name} waits: ${waiting.reason}${waiting.message ? `: ${waiting.message}` : ''}${ended}`;
    return { what, fix: fixFor(waiting.reason, container, last?.reason, logs) };
  }
  if (running === undefined || ready === true) return undefined;
  if (container.startupProbe !== undefined && status.started !== true) {
    return { what: `container ${name} has not passed its startup probe`, fix: [`See what it does: ${logs}`] };
  }
  if (container.readinessProbe !== undefined) {
    const what = `container ${name} runs and does not pass its readiness probe (${probeText(container)})`;
    return {
      what,
      fix: [`See why it does not answer: ${logs}`, 'See whether the probe asks the right port and path.'],
    };
  }
  return { what: `container ${name} runs since its start ${restartCount} of and is not ready`, fix: [] };
}

function fixFor(reason: string, { image = '' }: Container, lastReason: string | undefined, logs: string): string[] {
  switch (reason) {
    case 'ImagePullBackOff':
    case 'ErrImagePull':
    case 'InvalidImageName':
      return [`See whether the image ${image} exists and whether imagePullSecrets allow to pull it.`];
    case 'CreateContainerConfigError':
      return ['Create the ConfigMap or Secret that it names, or make the reference optional.'];
    case 'CrashLoopBackOff':
      return [
        `See why it ends: ${logs} --previous`,
        ...(lastReason === 'OOMKilled' ? ['Raise its memory limit: it was killed for using more.'] : []),
      ];
    default:
      return [`See what it says: ${logs}`];
  }
}

function probeText({ readinessProbe }: Container): string {
  const { httpGet, tcpSocket, exec, grpc } = readinessProbe ?? {};
  if (httpGet !== undefined) return `GET ${httpGet.path ?? '/'} on port ${httpGet.port}`;
  if (tcpSocket !== undefined) return `TCP port ${tcpSocket.port}`;
  if (grpc !== undefined) return `gRPC port ${grpc.port}`;
  return exec?.command?.join(' ') ?? 'exec';
}

function containerRows(pod: Pod): string[][] {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return statuses.map(({ name, state, ready, restartCount = 0 }) => {
    const { waiting, running, terminated } = state ?? {};
    const text =
      waiting !== undefined
        ? `waiting: ${waiting.reason ?? ''}`
        : running !== undefined
          ? `running, ${ready === true ? 'ready' : 'not ready'}`
          : `ended: ${terminated?.reason ?? ''} (${terminated?.exitCode ?? ''})`;
    return [name, text, String(restartCount)];
  });
}

function containerLines(pod: Pod): string[] {
  return containerRows(pod).map(([name, state]) => `container ${name} ${state}`);
}
