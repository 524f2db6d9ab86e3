/** A container runtime in memory, for tests and hollow nodes: deterministic, driven by the clock it is given. */
import type { Clock, Ctx, Timer } from '@kapella/base';
import type { ContainerConfig, PodSandboxConfig } from './config.ts';
import { type Cri, type CriAuth, type CriContainerStatus, CriError, type CriEvent, type CriImage } from './cri.ts';

export interface FakeExit {
  readonly afterMs: number;
  readonly exitCode: number;
  readonly reason?: string;
  readonly message?: string;
}

export interface FakeCriOptions {
  readonly clock: Clock;
  /** When and how a started container ends by itself; undefined = it runs until it is stopped. */
  readonly script?: (config: ContainerConfig, sandbox: PodSandboxConfig) => FakeExit | undefined;
  /** Milliseconds until a container obeys SIGTERM; more than its grace period = it is killed. */
  readonly stopMs?: (config: ContainerConfig) => number;
  /** Throws what a pull answers with. */
  readonly onPull?: (image: string, auth: CriAuth | undefined) => Promise<void> | void;
  /** Called before each call, by method name; throws to make it fail. */
  readonly onCall?: (method: string, subject: string) => Promise<void> | void;
  readonly exec?: (
    config: ContainerConfig,
    cmd: readonly string[],
  ) => { readonly exitCode: number; readonly stdout: string };
}

interface FakeContainer {
  readonly sandboxId: string;
  readonly config: ContainerConfig;
  readonly logDirectory: string;
  status: CriContainerStatus;
  timer: Timer | undefined;
  readonly onExit: Set<() => void>;
}

interface FakeSandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
  ready: boolean;
  readonly createdAtMs: number;
  readonly ip: string;
}

export interface FakeCri extends Cri {
  /** What was called, in order: `createContainer main`. */
  readonly calls: readonly string[];
  readonly images: Set<string>;
  /** Ends a running container from outside. */
  exit(podName: string, container: string, exitCode: number, reason?: string): void;
  /** The sandbox dies, as after a crash of its shim. */
  breakSandbox(podName: string): void;
  running(): readonly string[];
  sandboxCount(): number;
  configOf(podName: string, container: string): ContainerConfig | undefined;
  sandboxConfigOf(podName: string): PodSandboxConfig | undefined;
}

export function createFakeCri(options: FakeCriOptions): FakeCri {
  const { clock } = options;
  const sandboxes = new Map<string, FakeSandbox>();
  const containers = new Map<string, FakeContainer>();
  const images = new Set<string>();
  const watchers = new Set<(event: CriEvent) => void>();
  const calls: string[] = [];
  let serial = 0;

  const enter = async (method: string, subject: string) => {
    calls.push(`${method} ${subject}`);
    await options.onCall?.(method, subject);
  };
  const nameOf = (c: FakeContainer) => `${sandboxes.get(c.sandboxId)?.config.metadata.name}/${c.config.metadata.name}`;
  const emit = (id: string, type: CriEvent['type'], sandboxId: string) => {
    const podUid = sandboxes.get(sandboxId)?.config.metadata.uid ?? '';
    clock.setTimer(0, () => {
      for (const watcher of watchers) watcher({ id, type, podUid });
    });
  };
  const notFound = (id: string) => new CriError('notFound', 'NotFound', `an error occurred: ${id} not found`);

  const end = (container: FakeContainer, exitCode: number, reason: string, message = '') => {
    if (container.status.state !== 'running') return;
    container.timer?.cancel();
    const finishedAtMs = clock.nowMs();
    container.status = { ...container.status, state: 'exited', exitCode, reason, message, finishedAtMs };
    emit(container.status.id, 'stopped', container.sandboxId);
    for (const done of [...container.onExit]) done();
  };

  const find = (podName: string, name: string) =>
    [...containers.values()].findLast((c) => nameOf(c) === `${podName}/${name}`);

  const fake: FakeCri = {
    calls,
    images,
    running: () => [...containers.values()].filter((c) => c.status.state === 'running').map(nameOf),
    sandboxCount: () => sandboxes.size,
    configOf: (podName, name) => find(podName, name)?.config,
    sandboxConfigOf: (podName) => [...sandboxes.values()].findLast((s) => s.config.metadata.name === podName)?.config,
    exit(podName, name, exitCode, reason = exitCode === 0 ? 'Completed' : 'Error') {
      const container = find(podName, name);
      if (container !== undefined) end(container, exitCode, reason);
    },
    breakSandbox(podName) {
      for (const sandbox of sandboxes.values()) {
        if (sandbox.config.metadata.name !== podName) continue;
        sandbox.ready = false;
        emit(sandbox.id, 'stopped', sandbox.id);
      }
    },
    version: async () => ({ runtimeName: 'fake', runtimeVersion: '1.0.0' }),
    status: async () => ({
      conditions: [
        { type: 'RuntimeReady', status: true, reason: '', message: '' },
        { type: 'NetworkReady', status: true, reason: '', message: '' },
      ],
      handlers: [],
      supplementalGroupsPolicy: true,
    }),
    async runPodSandbox(config) {
      await enter('runPodSandbox', config.metadata.name);
      const id = `sandbox-${++serial}`;
      const ip = `10.88.${(serial >> 8) & 255}.${serial & 255}`;
      sandboxes.set(id, { id, config, ready: true, createdAtMs: clock.nowMs() + serial / 1000, ip });
      return id;
    },
    async stopPodSandbox(id) {
      const sandbox = sandboxes.get(id);
      await enter('stopPodSandbox', sandbox?.config.metadata.name ?? id);
      if (sandbox === undefined) return;
      for (const container of containers.values()) if (container.sandboxId === id) end(container, 137, 'Error');
      if (sandbox.ready) emit(id, 'stopped', id);
      sandbox.ready = false;
    },
    async removePodSandbox(id) {
      await enter('removePodSandbox', sandboxes.get(id)?.config.metadata.name ?? id);
      sandboxes.delete(id);
      for (const [key, container] of containers) if (container.sandboxId === id) containers.delete(key);
    },
    async podSandboxStatus(id) {
      const sandbox = sandboxes.get(id);
      if (sandbox === undefined) return undefined;
      const hostNetwork = sandbox.config.linux.securityContext.namespaceOptions.network === 'NODE';
      return { ...describe(sandbox), ips: hostNetwork ? [] : [sandbox.ip], hostNetwork };
    },
    listPodSandboxes: async ({ podUid }) =>
      [...sandboxes.values()].filter((s) => podUid === undefined || s.config.metadata.uid === podUid).map(describe),
    async createContainer(sandboxId, config, sandbox) {
      await enter('createContainer', `${sandbox.metadata.name}/${config.metadata.name}`);
      if (!sandboxes.get(sandboxId)?.ready) throw notFound(sandboxId);
      const id = `container-${++serial}`;
      const logDirectory = sandbox.logDirectory;
      containers.set(id, {
        sandboxId,
        config,
        logDirectory,
        status: created(id, config, logDirectory, clock.nowMs() + serial / 1000),
        timer: undefined,
        onExit: new Set(),
      });
      return id;
    },
    async startContainer(id) {
      const container = containers.get(id);
      if (container === undefined) throw notFound(id);
      await enter('startContainer', nameOf(container));
      container.status = { ...container.status, state: 'running', startedAtMs: clock.nowMs() };
      emit(id, 'started', container.sandboxId);
      const exit = options.script?.(container.config, (sandboxes.get(container.sandboxId) as FakeSandbox).config);
      if (exit === undefined) return;
      const reason = exit.reason ?? (exit.exitCode === 0 ? 'Completed' : 'Error');
      container.timer = clock.setTimer(exit.afterMs, () => end(container, exit.exitCode, reason, exit.message));
    },
    async stopContainer(id, timeoutSeconds, ctx) {
      const container = containers.get(id);
      if (container === undefined) return;
      await enter('stopContainer', `${nameOf(container)} ${timeoutSeconds}`);
      if (container.status.state !== 'running') return;
      const obeysMs = options.stopMs?.(container.config) ?? 0;
      const killed = obeysMs > timeoutSeconds * 1000;
      const timer = clock.setTimer(Math.min(obeysMs, timeoutSeconds * 1000), () =>
        end(container, killed ? 137 : 0, killed ? 'Error' : 'Completed'),
      );
      await exited(container, ctx).finally(() => timer.cancel());
    },
    async removeContainer(id) {
      const container = containers.get(id);
      if (container === undefined) return;
      await enter('removeContainer', nameOf(container));
      container.timer?.cancel();
      containers.delete(id);
    },
    listContainers: async ({ podUid }) =>
      [...containers.values()]
        .filter((c) => podUid === undefined || sandboxes.get(c.sandboxId)?.config.metadata.uid === podUid)
        .map(({ sandboxId, status }) => ({ ...status, sandboxId })),
    containerStatus: async (id) => containers.get(id)?.status,
    updateContainerResources: async (id) => void (await enter('updateContainerResources', id)),
    reopenContainerLog: async (id) => void (await enter('reopenContainerLog', id)),
    async execSync(id, cmd) {
      const container = containers.get(id);
      if (container?.status.state !== 'running') throw notFound(id);
      await enter('execSync', `${nameOf(container)} ${cmd.join(' ')}`);
      const { exitCode, stdout } = options.exec?.(container.config, cmd) ?? { exitCode: 0, stdout: '' };
      return { stdout: new TextEncoder().encode(stdout), stderr: new Uint8Array(), exitCode };
    },
    exec: async ({ containerId }) => `http://127.0.0.1/exec/${containerId}`,
    attach: async ({ containerId }) => `http://127.0.0.1/attach/${containerId}`,
    portForward: async (sandboxId) => `http://127.0.0.1/portforward/${sandboxId}`,
    listImages: async () => [...images].map(describeImage),
    imageStatus: async (image) => (images.has(image) ? describeImage(image) : undefined),
    async pullImage(image, auth) {
      await enter('pullImage', image);
      await options.onPull?.(image, auth);
      images.add(image);
      return image;
    },
    removeImage: async (image) => void images.delete(image),
    imageFsInfo: async () => [],
    listContainerStats: async () => [],
    watch: (onEvent, onGap, { signal }) =>
      new Promise((resolve) => {
        watchers.add(onEvent);
        onGap();
        signal.addEventListener(
          'abort',
          () => {
            watchers.delete(onEvent);
            resolve();
          },
          { once: true },
        );
      }),
    close: () => {},
  };
  return fake;
}

function describe({ id, config, ready, createdAtMs }: FakeSandbox) {
  const { metadata, labels, annotations } = config;
  return {
    id,
    podUid: metadata.uid,
    podName: metadata.name,
    podNamespace: metadata.namespace,
    attempt: metadata.attempt,
    state: ready ? ('ready' as const) : ('notReady' as const),
    createdAtMs,
    labels,
    annotations,
  };
}

function describeImage(image: string): CriImage {
  return { id: image, repoTags: [image], repoDigests: [], sizeBytes: 1000, username: '', pinned: false };
}

function created(id: string, config: ContainerConfig, logDirectory: string, createdAtMs: number): CriContainerStatus {
  return {
    id,
    name: config.metadata.name,
    attempt: config.metadata.attempt,
    state: 'created',
    createdAtMs,
    startedAtMs: 0,
    finishedAtMs: 0,
    exitCode: 0,
    image: config.image.userSpecifiedImage ?? config.image.image,
    imageRef: `sha256:${config.image.image}`,
    reason: '',
    message: '',
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: `${logDirectory}/${config.logPath}`,
  };
}

function exited(container: FakeContainer, { signal }: Ctx): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => () => {
      container.onExit.delete(onExit);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onExit = finish(resolve);
    const onAbort = finish(() => reject(new CriError('cancelled', 'Canceled', 'context canceled')));
    container.onExit.add(onExit);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
