/** Answers the node's HTTPS server out of the Pod workers. Source: kubernetes pkg/kubelet/kubelet_pods.go. */
import type { ContainerStatus, Pod } from '@kapella/api/types/core-v1';
import { ApiError } from '@kapella/base';
import { bareId } from '../lifecycle/readiness.ts';
import type { ContainerLogLocation, NodeServerSource } from '../server-source.ts';
import type { PodDeps } from './deps.ts';
import type { PodManager } from './pod-manager.ts';
import type { PodWorker } from './pod-worker.ts';

export function createServerSource(
  manager: PodManager,
  { cri, settings }: Pick<PodDeps, 'cri' | 'settings'>,
): NodeServerSource {
  const workerOf = (namespace: string, name: string): PodWorker => {
    const worker = manager.worker(namespace, name);
    if (worker === undefined) throw new ApiError('NotFound', `pod does not exist`, { code: 404 });
    return worker;
  };
  const runningId = (namespace: string, pod: string, container: string): string => {
    const {
      observed,
      pod: { spec },
    } = workerOf(namespace, pod);
    const name = container === '' ? (spec.containers[0]?.name ?? '') : container;
    const found = observed.containers.find((candidate) => candidate.name === name);
    if (found === undefined) throw new ApiError('NotFound', `container not found ("${name}")`, { code: 404 });
    if (found.state !== 'running') {
      throw new ApiError('BadRequest', `container ${name} in pod ${pod} is not running`, { code: 400 });
    }
    return found.id;
  };
  return {
    pods: () => manager.workers().map(({ pod }) => pod),
    podByName(namespace, name, uid) {
      const pod = manager.worker(namespace, name)?.pod;
      return uid === '' || pod?.metadata.uid === uid ? pod : undefined;
    },
    async containerLog(namespace, name, container, previous) {
      const worker = workerOf(namespace, name);
      return locate(worker, container, previous, settings.logsDir);
    },
    async runInContainer(namespace, pod, container, cmd, ctx) {
      const { stdout, stderr } = await cri.execSync(runningId(namespace, pod, container), cmd, 0, ctx);
      const output = new Uint8Array(stdout.length + stderr.length);
      output.set(stdout);
      output.set(stderr, stdout.length);
      return output;
    },
    execUrl: (namespace, pod, container, cmd, options, ctx) =>
      answer(() => cri.exec({ ...options, containerId: runningId(namespace, pod, container), cmd }, ctx)),
    attachUrl: (namespace, pod, container, options, ctx) =>
      answer(() => {
        const containerId = runningId(namespace, pod, container);
        // A terminal is what the container has, not what the client wishes for.
        const { spec } = workerOf(namespace, pod).pod;
        const all = [...spec.containers, ...(spec.initContainers ?? []), ...(spec.ephemeralContainers ?? [])];
        const tty = (all.find(({ name }) => name === container) ?? spec.containers[0])?.tty === true;
        return cri.attach({ ...options, tty, stderr: options.stderr && !tty, containerId }, ctx);
      }),
    portForwardUrl: (namespace, pod, ports, ctx) =>
      answer(() => {
        const sandbox = workerOf(namespace, pod).observed.sandboxes.find(({ ready }) => ready);
        if (sandbox === undefined)
          throw new ApiError('NotFound', `pod not found ("${pod}_${namespace}")`, { code: 404 });
        return cri.portForward(sandbox.id, ports, ctx);
      }),
  };
}

const answer = async <T>(call: () => Promise<T>): Promise<T> => await call();

const refuse = (message: string) => new ApiError('BadRequest', message, { code: 400 });

function locate(
  { pod, observed }: PodWorker,
  container: string,
  previous: boolean,
  logsDir: string,
): ContainerLogLocation {
  const id = logContainerId(pod, container, previous);
  const found = observed.containers.find((candidate) => candidate.id === id);
  if (found !== undefined) return { path: found.logPath, containerId: id, running: found.state === 'running' };
  // The runtime has forgotten it; its log is there as long as the Pod.
  const status = allStatuses(pod).find(({ name }) => name === container);
  const count = Math.max(0, (status?.restartCount ?? 0) - (previous ? 1 : 0));
  const { namespace, name, uid } = pod.metadata;
  return { path: `${logsDir}/${namespace}_${name}_${uid}/${container}/${count}.log`, containerId: id, running: false };
}

const allStatuses = ({ status }: Pod): readonly ContainerStatus[] => [
  ...(status?.containerStatuses ?? []),
  ...(status?.initContainerStatuses ?? []),
  ...(status?.ephemeralContainerStatuses ?? []),
];

/** Whose log is meant; throws with upstream's text when there is none. */
export function logContainerId(pod: Pod, container: string, previous: boolean): string {
  const where = `container "${container}" in pod "${pod.metadata.name}"`;
  const status = allStatuses(pod).find(({ name }) => name === container);
  if (status === undefined) throw refuse(`${where} is not available`);
  const last = status.lastState?.terminated?.containerID;
  if (previous) {
    if (last === undefined) throw refuse(`previous terminated ${where} not found`);
    return bareId(last);
  }
  const { running, terminated, waiting } = status.state ?? {};
  if (running !== undefined) return bareId(status.containerID);
  if (terminated !== undefined || status.lastState?.terminated !== undefined) {
    const id = terminated?.containerID ?? last;
    if (id === undefined) throw refuse(`${where} is terminated`);
    return bareId(id);
  }
  if (waiting?.reason === 'ErrImagePull') throw refuse(`${where} is waiting to start: image can't be pulled`);
  if (waiting?.reason === 'ImagePullBackOff') {
    throw refuse(`${where} is waiting to start: trying and failing to pull image`);
  }
  if (waiting?.reason !== undefined) throw refuse(`${where} is waiting to start: ${waiting.reason}`);
  throw refuse(`${where} is waiting to start - no logs yet`);
}
