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
  /** Address of the next sandbox; absent: one of 10.88.0.0/16. */
  readonly nextIp?: () => string;
  /** false: `calls` stays empty. For nodes that run for long. */
  readonly recordCalls?: boolean;
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
  /** The Pod of each running container. */
  runningPods(): readonly { readonly namespace: string; readonly name: string; readonly uid: string }[];
  sandboxCount(): number;
  configOf(podName: string, container: string): ContainerConfig | undefined;
  sandboxConfigOf(podName: string): PodSandboxConfig | undefined;
}

export function createFakeCri(options: FakeCriOptions): FakeCri {
  const runtime = new FakeRuntime(options);
  return {
    calls: runtime.calls,
    images: runtime.images,
    ...controls(runtime),
    ...sandboxCalls(runtime),
    ...containerCalls(runtime),
    ...otherCalls(runtime),
  };
}

class FakeRuntime {
  readonly options: FakeCriOptions;
  readonly clock: Clock;
  readonly sandboxes = new Map<string, FakeSandbox>();
  readonly containers = new Map<string, FakeContainer>();
  readonly images = new Set<string>();
  readonly watchers = new Set<(event: CriEvent) => void>();
  readonly calls: string[] = [];
  serial = 0;

  constructor(options: FakeCriOptions) {
    this.options = options;
    this.clock = options.clock;
  }

  next(): number {
    this.serial += 1;
    return this.serial;
  }

  async enter(method: string, subject: string): Promise<void> {
    if (this.options.recordCalls !== false) this.calls.push(`${method} ${subject}`);
    await this.options.onCall?.(method, subject);
  }

  readonly nameOf = (c: FakeContainer): string =>
    `${this.sandboxes.get(c.sandboxId)?.config.metadata.name}/${c.config.metadata.name}`;

  find(podName: string, name: string): FakeContainer | undefined {
    return [...this.containers.values()].findLast((c) => this.nameOf(c) === `${podName}/${name}`);
  }

  /** Watchers are told a moment later, as over a stream. */
  emit(id: string, type: CriEvent['type'], sandboxId: string): void {
    const podUid = this.sandboxes.get(sandboxId)?.config.metadata.uid ?? '';
    this.clock.setTimer(0, () => {
      for (const watcher of this.watchers) watcher({ id, type, podUid });
    });
  }

  end(container: FakeContainer, exitCode: number, reason: string, message = ''): void {
    if (container.status.state !== 'running') return;
    container.timer?.cancel();
    const finishedAtMs = this.clock.nowMs();
    container.status = { ...container.status, state: 'exited', exitCode, reason, message, finishedAtMs };
    this.emit(container.status.id, 'stopped', container.sandboxId);
    for (const done of [...container.onExit]) done();
  }
}

const notFound = (id: string) => new CriError('notFound', 'NotFound', `an error occurred: ${id} not found`);

type Controls = Omit<FakeCri, keyof Cri | 'calls' | 'images'>;
type SandboxCall = 'runPodSandbox' | 'stopPodSandbox' | 'removePodSandbox' | 'podSandboxStatus' | 'listPodSandboxes';
type ContainerCall =
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'removeContainer'
  | 'listContainers'
  | 'containerStatus'
  | 'updateContainerResources'
  | 'reopenContainerLog'
  | 'execSync';

function controls(r: FakeRuntime): Controls {
  return {
    running: () => [...r.containers.values()].filter((c) => c.status.state === 'running').map(r.nameOf),
    runningPods: () =>
      [...r.containers.values()].flatMap(({ status, sandboxId }) => {
        const pod = status.state === 'running' ? r.sandboxes.get(sandboxId)?.config.metadata : undefined;
        return pod === undefined ? [] : [pod];
      }),
    sandboxCount: () => r.sandboxes.size,
    configOf: (podName, name) => r.find(podName, name)?.config,
    sandboxConfigOf: (podName) => [...r.sandboxes.values()].findLast((s) => s.config.metadata.name === podName)?.config,
    exit(podName, name, exitCode, reason = exitCode === 0 ? 'Completed' : 'Error') {
      const container = r.find(podName, name);
      if (container !== undefined) r.end(container, exitCode, reason);
    },
    breakSandbox(podName) {
      for (const sandbox of r.sandboxes.values()) {
        if (sandbox.config.metadata.name !== podName) continue;
        sandbox.ready = false;
        r.emit(sandbox.id, 'stopped', sandbox.id);
      }
    },
  };
}

function sandboxCalls(r: FakeRuntime): Pick<Cri, SandboxCall> {
  return {
    async runPodSandbox(config) {
      await r.enter('runPodSandbox', config.metadata.name);
      const id = `sandbox-${r.next()}`;
      const ip = r.options.nextIp?.() ?? `10.88.${(r.serial >> 8) & 255}.${r.serial & 255}`;
      r.sandboxes.set(id, { id, config, ready: true, createdAtMs: r.clock.nowMs() + r.serial / 1000, ip });
      return id;
    },
    async stopPodSandbox(id) {
      const sandbox = r.sandboxes.get(id);
      await r.enter('stopPodSandbox', sandbox?.config.metadata.name ?? id);
      if (sandbox === undefined) return;
      for (const container of r.containers.values()) if (container.sandboxId === id) r.end(container, 137, 'Error');
      if (sandbox.ready) r.emit(id, 'stopped', id);
      sandbox.ready = false;
    },
    async removePodSandbox(id) {
      await r.enter('removePodSandbox', r.sandboxes.get(id)?.config.metadata.name ?? id);
      r.sandboxes.delete(id);
      for (const [key, container] of r.containers) if (container.sandboxId === id) r.containers.delete(key);
    },
    async podSandboxStatus(id) {
      const sandbox = r.sandboxes.get(id);
      if (sandbox === undefined) return undefined;
      const hostNetwork = sandbox.config.linux.securityContext.namespaceOptions.network === 'NODE';
      return { ...describe(sandbox), ips: hostNetwork ? [] : [sandbox.ip], hostNetwork };
    },
    listPodSandboxes: async ({ podUid }) =>
      [...r.sandboxes.values()].filter((s) => podUid === undefined || s.config.metadata.uid === podUid).map(describe),
  };
}

function containerCalls(r: FakeRuntime): Pick<Cri, ContainerCall> {
  return {
    async createContainer(sandboxId, config, sandbox) {
      await r.enter('createContainer', `${sandbox.metadata.name}/${config.metadata.name}`);
      if (!r.sandboxes.get(sandboxId)?.ready) throw notFound(sandboxId);
      const id = `container-${r.next()}`;
      const logDirectory = sandbox.logDirectory;
      r.containers.set(id, {
        sandboxId,
        config,
        logDirectory,
        status: created(id, config, logDirectory, r.clock.nowMs() + r.serial / 1000),
        timer: undefined,
        onExit: new Set(),
      });
      return id;
    },
    async startContainer(id) {
      const container = r.containers.get(id);
      if (container === undefined) throw notFound(id);
      await r.enter('startContainer', r.nameOf(container));
      container.status = { ...container.status, state: 'running', startedAtMs: r.clock.nowMs() };
      r.emit(id, 'started', container.sandboxId);
      const exit = r.options.script?.(container.config, (r.sandboxes.get(container.sandboxId) as FakeSandbox).config);
      if (exit === undefined) return;
      const reason = exit.reason ?? (exit.exitCode === 0 ? 'Completed' : 'Error');
      container.timer = r.clock.setTimer(exit.afterMs, () => r.end(container, exit.exitCode, reason, exit.message));
    },
    async stopContainer(id, timeoutSeconds, ctx) {
      const container = r.containers.get(id);
      if (container === undefined) return;
      await r.enter('stopContainer', `${r.nameOf(container)} ${timeoutSeconds}`);
      if (container.status.state !== 'running') return;
      const obeysMs = r.options.stopMs?.(container.config) ?? 0;
      const killed = obeysMs > timeoutSeconds * 1000;
      const timer = r.clock.setTimer(Math.min(obeysMs, timeoutSeconds * 1000), () =>
        r.end(container, killed ? 137 : 0, killed ? 'Error' : 'Completed'),
      );
      await exited(container, ctx).finally(() => timer.cancel());
    },
    async removeContainer(id) {
      const container = r.containers.get(id);
      if (container === undefined) return;
      await r.enter('removeContainer', r.nameOf(container));
      container.timer?.cancel();
      r.containers.delete(id);
    },
    listContainers: async ({ podUid }) =>
      [...r.containers.values()]
        .filter((c) => podUid === undefined || r.sandboxes.get(c.sandboxId)?.config.metadata.uid === podUid)
        .map(({ sandboxId, status }) => ({ ...status, sandboxId })),
    containerStatus: async (id) => r.containers.get(id)?.status,
    updateContainerResources: async (id) => void (await r.enter('updateContainerResources', id)),
    reopenContainerLog: async (id) => void (await r.enter('reopenContainerLog', id)),
    async execSync(id, cmd) {
      const container = r.containers.get(id);
      if (container?.status.state !== 'running') throw notFound(id);
      await r.enter('execSync', `${r.nameOf(container)} ${cmd.join(' ')}`);
      const { exitCode, stdout } = r.options.exec?.(container.config, cmd) ?? { exitCode: 0, stdout: '' };
      return { stdout: new TextEncoder().encode(stdout), stderr: new Uint8Array(), exitCode };
    },
  };
}

function otherCalls(r: FakeRuntime): Omit<Cri, SandboxCall | ContainerCall> {
  return {
    version: async () => ({ runtimeName: 'fake', runtimeVersion: '1.0.0', runtimeApiVersion: 'v1' }),
    status: async () => ({
      conditions: [
        { type: 'RuntimeReady', status: true, reason: '', message: '' },
        { type: 'NetworkReady', status: true, reason: '', message: '' },
      ],
      handlers: [],
      supplementalGroupsPolicy: true,
    }),
    exec: async ({ containerId }) => `http://127.0.0.1/exec/${containerId}`,
    attach: async ({ containerId }) => `http://127.0.0.1/attach/${containerId}`,
    portForward: async (sandboxId) => `http://127.0.0.1/portforward/${sandboxId}`,
    listImages: async () => [...r.images].map(describeImage),
    imageStatus: async (image) => (r.images.has(image) ? describeImage(image) : undefined),
    async pullImage(image, auth) {
      await r.enter('pullImage', image);
      await r.options.onPull?.(image, auth);
      r.images.add(image);
      return image;
    },
    removeImage: async (image) => void r.images.delete(image),
    imageFsInfo: async () => [],
    listContainerStats: async () => [],
    async checkpointContainer() {
      throw new CriError('unimplemented', 'Unimplemented', 'checkpoint is not supported');
    },
    watch: (onEvent, onGap, { signal }) =>
      new Promise((resolve) => {
        r.watchers.add(onEvent);
        onGap();
        signal.addEventListener(
          'abort',
          () => {
            r.watchers.delete(onEvent);
            resolve();
          },
          { once: true },
        );
      }),
    close: () => {},
  };
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
