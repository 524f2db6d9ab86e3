/** One step of a running Pod: volumes, sandbox, containers. Source: kubernetes pkg/kubelet/kubelet.go, kuberuntime_manager.go. */
import { formatDurationMs } from '@kapella/api';
import type { Container, Pod, PodStatus } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import { podLogDir } from '../container/container-config.ts';
import { podDns } from '../container/dns.ts';
import { sandboxConfig } from '../container/sandbox-config.ts';
import type { PodSandboxConfig } from '../cri/config.ts';
import { backedOffUntil, type BackoffEntry, CRASH_LOOP, nextBackoff } from '../lifecycle/backoff.ts';
import type { StartFailure } from '../lifecycle/container-status.ts';
import {
  type AnyContainer,
  describePod,
  findContainer,
  isSidecar,
  latest,
  type ObservedPod,
} from '../lifecycle/observed.ts';
import { type Kill, type PodPlan, planPod, type ProbeResults } from '../lifecycle/plan.ts';
import { podIpsOf } from '../lifecycle/pod-status.ts';
import type { ProbeTarget } from '../prober.ts';
import type { UsernsOptions } from '../container/security.ts';
import { noUserNamespaces } from '../userns/user-namespaces.ts';
import type { MountedVolumes } from '../volumes/volume-manager.ts';
import { removeSuperfluous, stopSandboxes } from './clean-up.ts';
import type { PodDeps } from './deps.ts';
import { podEvents } from './events.ts';
import { killAll, killOne } from './kill.ts';
import { type Applied, resizeContainers } from './resize.ts';
import { startContainer } from './start-container.ts';
import { StartError } from './start-error.ts';

const RETRY_MS = 10_000;
const POD_DIR_MODE = 0o750;
const SANDBOX_RETRY_MS = 1000;
const MOUNT_RETRY_MS = 500;
const MOUNT_RETRY_MS_MAX = 122_000;

/** What a worker remembers between steps. */
export interface SyncState {
  readonly failures: Map<string, StartFailure>;
  readonly backoffs: Map<string, BackoffEntry>;
  mountFailures: number;
  sandboxFailures: number;
  hasCgroup: boolean;
  volumes: MountedVolumes['volumes'];
  readonly applied: Applied;
}

export const newSyncState = (): SyncState => ({
  failures: new Map(),
  backoffs: new Map(),
  mountFailures: 0,
  sandboxFailures: 0,
  hasCgroup: false,
  volumes: new Map(),
  applied: new Map(),
});

export interface SyncInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly podIps: readonly string[];
  readonly hooked: Set<string>;
  readonly status: PodStatus | undefined;
}

export interface SyncOutcome {
  /** Something changed in the runtime: look again at once. */
  readonly acted: boolean;
  /** When there is something to do without an event. */
  readonly wakeAtMs: number | undefined;
  /** What the Pod was granted is not in effect everywhere. */
  readonly isResizing: boolean;
  readonly resizeError: string;
}

interface Sync {
  readonly deps: PodDeps;
  readonly state: SyncState;
  readonly waitCtx: Ctx;
  readonly ctx: Ctx;
  /** Looks and reports; answers what it saw. */
  readonly look: () => Promise<ObservedPod>;
  input: SyncInput;
  volumes: MountedVolumes;
  wakeAtMs: number | undefined;
  acted: boolean;
}

export async function syncPod(
  input: SyncInput,
  state: SyncState,
  deps: PodDeps,
  waitCtx: Ctx,
  ctx: Ctx,
  look: () => Promise<ObservedPod>,
): Promise<SyncOutcome> {
  const { pod, observed } = input;
  if (!state.hasCgroup) await deps.cgroups.ensure(pod);
  state.hasCgroup = true;
  await deps.files.mkdir(`${deps.settings.podsDir}/${pod.metadata.uid}`, POD_DIR_MODE);
  deps.volumes.register(pod);
  const volumes = await deps.volumes.mount(pod, waitCtx);
  state.volumes = volumes.volumes;
  waitCtx.signal.throwIfAborted();
  if (volumes.failures.length > 0) return mountsFailed(volumes, input, state, deps, ctx);
  state.mountFailures = 0;
  deps.prober.sync(probeTarget(pod, observed, input.podIps));

  const probes: ProbeResults = (id, kind) => deps.prober.result(id, kind);
  const planned = planPod({ pod, observed, probes, ...(input.status === undefined ? {} : { previous: input.status }) });
  const resized =
    planned.killPod || planned.reset.length > 0
      ? { kills: [], error: '' }
      : await resizeContainers(pod, observed, state.applied, deps, ctx);
  const plan = withRestarts(planned, resized.kills);
  const sync: Sync = { deps, state, waitCtx, ctx, look, input, volumes, wakeAtMs: volumes.refreshAtMs, acted: false };
  await execute(plan, sync);
  if (!sync.acted) sync.acted = await removeSuperfluous(observed, deps.cri, ctx);
  const isResizing = resized.kills.length > 0 || resized.error !== '';
  return { acted: sync.acted, wakeAtMs: sync.wakeAtMs, isResizing, resizeError: resized.error };
}

/** A container that is killed to be resized starts again, as after any other end that its policy restarts. */
function withRestarts(plan: PodPlan, kills: readonly Kill[]): PodPlan {
  const more = kills.filter(({ containerId }) => !plan.kill.some((kill) => kill.containerId === containerId));
  return more.length === 0
    ? plan
    : { ...plan, kill: [...plan.kill, ...more], startMain: [...plan.startMain, ...more.map(({ name }) => name)] };
}

function mountsFailed(
  volumes: MountedVolumes,
  { pod }: SyncInput,
  state: SyncState,
  deps: PodDeps,
  ctx: Ctx,
): SyncOutcome {
  const event = podEvents(deps.recorder, pod);
  for (const { message } of volumes.failures) event('Warning', 'FailedMount', message);
  const pauseMs = Math.min(MOUNT_RETRY_MS * 2 ** state.mountFailures++, MOUNT_RETRY_MS_MAX);
  return { acted: false, wakeAtMs: ctx.clock.nowMs() + pauseMs, isResizing: true, resizeError: '' };
}

async function execute(plan: PodPlan, sync: Sync): Promise<void> {
  if (plan.reset.length > 0) return await resetContainers(plan, sync);
  if (plan.killPod) await killPod(plan, sync);
  else await killSome(plan, sync);
  const nothing = plan.startInit.length + plan.startMain.length + plan.startEphemeral.length === 0;
  if (!plan.createSandbox && (plan.killPod || nothing)) return;
  // Containers that were killed are seen as ended before they are started again: their restart counts depend on it.
  if (plan.kill.length > 0) sync.input = { ...sync.input, observed: await sync.look() };
  const sandbox = await makeSandbox(plan, sync);
  if (sandbox !== undefined) await startAll(plan, sandbox, sync);
}

const killInput = ({ input: { pod, observed, podIps, hooked } }: Sync) => ({
  pod,
  observed,
  podIp: podIps[0] ?? '',
  hooked,
});

async function killSome(plan: PodPlan, sync: Sync): Promise<void> {
  for (const kill of plan.kill) {
    await killOne(killInput(sync), kill, sync.deps, sync.waitCtx);
    sync.acted = true;
  }
}

/** Without a grace period, as one of them has ended already and the rest is worth nothing without it. */
async function resetContainers({ reset }: PodPlan, sync: Sync): Promise<void> {
  const { deps, waitCtx, ctx } = sync;
  for (const { id, name, state } of reset) {
    const kill = { containerId: id, name, message: '', reason: 'Unknown' } as const;
    if (state !== 'exited') await killOne({ ...killInput(sync), graceOverride: 0 }, kill, deps, waitCtx);
    await deps.cri.removeContainer(id, ctx);
    sync.acted = true;
  }
}

async function killPod(plan: PodPlan, sync: Sync): Promise<void> {
  const { deps, input } = sync;
  const { pod, observed } = input;
  if (plan.createSandbox && plan.sandboxId !== '') {
    const text = 'Pod sandbox changed, it will be killed and re-created.';
    podEvents(deps.recorder, pod)('Normal', 'SandboxChanged', text);
  }
  const running = observed.containers.some(({ state }) => state === 'running');
  const ready = observed.sandboxes.some((sandbox) => sandbox.ready);
  if (running) await killAll(killInput(sync), deps, sync.waitCtx);
  if (ready || plan.createSandbox) await stopSandboxes(observed, deps.cri, sync.ctx);
  sync.acted ||= running || ready;
  if (plan.createSandbox) await removeInitContainers(sync);
}

/** A new sandbox begins with the first init container again: what is left of them would look like progress. */
async function removeInitContainers({ input, deps, ctx }: Sync): Promise<void> {
  const names = new Set((input.pod.spec.initContainers ?? []).map(({ name }) => name));
  const old = input.observed.containers.filter(({ name, state }) => names.has(name) && state !== 'running');
  for (const { id } of old) await deps.cri.removeContainer(id, ctx);
}

interface Sandbox {
  readonly id: string;
  readonly config: PodSandboxConfig;
}

/** undefined = could not be made; the reason is in the events. */
async function makeSandbox(plan: PodPlan, sync: Sync): Promise<Sandbox | undefined> {
  const { deps, ctx } = sync;
  const { pod } = sync.input;
  const event = podEvents(deps.recorder, pod);
  try {
    const handler = await deps.runtimeHandler(pod.spec.runtimeClassName, ctx);
    const userns = await (deps.userNamespaces ?? noUserNamespaces).optionsOf(pod, handler);
    const config = configOf(plan.attempt, userns, sync);
    if (!plan.createSandbox) return { id: plan.sandboxId, config };
    await deps.files.mkdir(config.logDirectory, 0o755);
    const isMapped = userns !== undefined;
    const id = await runSandbox(config, handler, isMapped, sync);
    sync.acted = true;
    sync.state.sandboxFailures = 0;
    const observed = await sync.look();
    const podIps = podIpsOf(pod, observed.sandboxes[0]?.ips ?? [], deps.settings.hostIps);
    sync.input = { ...sync.input, observed, podIps };
    sync.waitCtx.signal.throwIfAborted();
    return { id, config };
  } catch (error) {
    sync.waitCtx.signal.throwIfAborted();
    deps.metrics?.podStartFailed();
    event('Warning', 'FailedCreatePodSandBox', `Failed to create pod sandbox: ${describeFirst(error)}`);
    wakeBy(sync, ctx.clock.nowMs() + Math.min(SANDBOX_RETRY_MS * 2 ** sync.state.sandboxFailures++, RETRY_MS));
    return undefined;
  }
}

async function runSandbox(
  config: PodSandboxConfig,
  handler: string,
  isMapped: boolean,
  { deps, ctx }: Sync,
): Promise<string> {
  const startMs = ctx.clock.monotonicMs();
  deps.metrics?.podSeen();
  if (isMapped) deps.metrics?.userNamespaceStarted(false);
  try {
    const id = await deps.cri.runPodSandbox(config, handler, ctx);
    deps.metrics?.sandboxStarted(handler, (ctx.clock.monotonicMs() - startMs) / 1000);
    return id;
  } catch (error) {
    deps.metrics?.sandboxFailed(handler);
    if (isMapped) deps.metrics?.userNamespaceStarted(true);
    throw error;
  }
}

const describeFirst = (error: unknown) => (error instanceof Error ? error.message : describeError(error));

function configOf(attempt: number, userns: UsernsOptions | undefined, { deps, input }: Sync): PodSandboxConfig {
  const { settings } = deps;
  const { clusterDns, clusterDomain, hostDns } = settings;
  const dns = podDns(input.pod, { clusterDns, clusterDomain, host: hostDns });
  const event = podEvents(deps.recorder, input.pod);
  for (const warning of dns.warnings) event('Warning', 'DNSConfigForming', warning);
  return sandboxConfig({
    pod: input.pod,
    attempt,
    clusterDomain,
    dns: dns.config,
    cgroupParent: deps.cgroups.parentOf(input.pod),
    logDirectory: podLogDir(settings.logsDir, input.pod),
    userns,
  });
}

async function startAll(plan: PodPlan, sandbox: Sandbox, sync: Sync): Promise<void> {
  const { spec } = sync.input.pod;
  for (const name of plan.startEphemeral) await tryStart(name, sandbox, sync);
  for (const name of plan.startInit) {
    const started = await tryStart(name, sandbox, sync);
    const container = findContainer(spec, name)?.container as Container;
    // A failed sidecar does not keep the others from starting; a failed init container does.
    if (!started && !isSidecar(container)) return;
  }
  for (const name of plan.startMain) await tryStart(name, sandbox, sync);
}

async function tryStart(name: string, sandbox: Sandbox, sync: Sync): Promise<boolean> {
  const { deps, state, ctx } = sync;
  const { pod } = sync.input;
  const container = findContainer(pod.spec, name)?.container;
  if (container === undefined) return false;
  sync.waitCtx.signal.throwIfAborted();
  try {
    backOff(container, sync);
    const base = { pod, container, sandboxId: sandbox.id, sandbox: sandbox.config, volumes: sync.volumes.volumes };
    const { observed, podIps, hooked } = sync.input;
    await startContainer({ ...base, observed, podIps, hooked }, deps, sync.waitCtx, ctx);
    state.failures.delete(name);
    sync.acted = true;
    return true;
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    state.failures.set(name, { reason: error.reason, message: error.message });
    wakeBy(sync, error.retryAtMs ?? ctx.clock.nowMs() + RETRY_MS);
    // What was created but did not start is an ended instance now.
    if (error.reason === 'RunContainerError' || error.reason === 'PostStartHookError') sync.acted = true;
    return false;
  }
}

/** Throws StartError while the container's last end is too recent. */
function backOff(container: AnyContainer, { input, state, ctx, deps }: Sync): void {
  const { pod, observed } = input;
  const status = latest(observed, container.name);
  if (status?.state !== 'exited') return;
  const nowMs = ctx.clock.nowMs();
  const entry = state.backoffs.get(container.name);
  const maxMs = deps.settings.crashLoopMaxMs ?? CRASH_LOOP.maxMs;
  const rules = { initialMs: Math.min(CRASH_LOOP.initialMs, maxMs), maxMs };
  const until = backedOffUntil(entry, status.finishedAtMs, nowMs, rules);
  if (until === undefined) {
    state.backoffs.set(container.name, nextBackoff(entry, status.finishedAtMs, nowMs, rules));
    return;
  }
  const where = describePod(pod);
  const text = `Back-off restarting failed container ${container.name} in pod ${where}`;
  podEvents(deps.recorder, pod)('Warning', 'BackOff', text, container.name);
  const delay = formatDurationMs(entry?.delayMs ?? 0);
  throw new StartError(
    'CrashLoopBackOff',
    `back-off ${delay} restarting failed container=${container.name} pod=${where}`,
    until,
  );
}

function wakeBy(sync: Sync, atMs: number): void {
  sync.wakeAtMs = Math.min(sync.wakeAtMs ?? atMs, atMs);
}

/** Running main containers and sidecars that have a probe. */
export function probeTarget(pod: Pod, observed: ObservedPod, podIps: readonly string[]): ProbeTarget {
  const sidecars = (pod.spec.initContainers ?? []).filter(isSidecar);
  const containers = [...sidecars, ...pod.spec.containers].flatMap((spec) => {
    if (!spec.livenessProbe && !spec.readinessProbe && !spec.startupProbe) return [];
    const status = latest(observed, spec.name);
    return status?.state === 'running' ? [{ spec, containerId: status.id, startedAtMs: status.startedAtMs }] : [];
  });
  return { pod, podIp: podIps[0] ?? '', containers };
}
