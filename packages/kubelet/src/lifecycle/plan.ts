/**
 * Decides what to do next with the sandbox and containers of a running Pod: a pure function of spec, runtime state and
 * probe results. Source: kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go (computePodActions).
 */
import type { Container, Pod } from '@kapella/api/types/core-v1';
import type { ProbeKind, ProbeResult } from '../prober.ts';
import { planInitContainers } from './init-plan.ts';
import { containerHash } from './labels.ts';
import { latest, type ObservedContainer, type ObservedPod } from './observed.ts';
import { instancesToReset, isRestartingAll, restartsWhenKilled, shouldBeRestarted } from './restart.ts';

export type KillReason = 'StartupProbe' | 'LivenessProbe' | 'FailedPostStartHook' | 'Unknown' | '';

export interface Kill {
  readonly containerId: string;
  readonly name: string;
  /** Of the Killing event; '' = upstream's default text. */
  readonly message: string;
  readonly reason: KillReason;
}

export interface PodPlan {
  /** Stop every container and the sandbox. */
  readonly killPod: boolean;
  readonly createSandbox: boolean;
  /** The sandbox to start containers in; '' when there is none to use. */
  readonly sandboxId: string;
  /** Attempt number of the sandbox to create. */
  readonly attempt: number;
  readonly kill: readonly Kill[];
  /** All containers begin anew: these instances are ended and removed first, in this order. */
  readonly reset: readonly ObservedContainer[];
  /** Names, in the order to start them. */
  readonly startInit: readonly string[];
  readonly startEphemeral: readonly string[];
  readonly startMain: readonly string[];
}

export type ProbeResults = (containerId: string, kind: ProbeKind) => ProbeResult | undefined;

export interface PlanInput {
  /** As last reported, for what was begun. */
  readonly previous?: Pod['status'];
  readonly pod: Pod;
  readonly observed: ObservedPod;
  readonly probes: ProbeResults;
}

export interface SandboxVerdict {
  readonly changed: boolean;
  readonly attempt: number;
  readonly sandboxId: string;
}

/** Whether a new sandbox is needed: none, not ready, several, wrong network mode, no address. */
export function judgeSandbox(pod: Pod, observed: ObservedPod): SandboxVerdict {
  const newest = observed.sandboxes[0];
  if (newest === undefined) return { changed: true, attempt: 0, sandboxId: '' };
  const { id, attempt } = newest;
  const readyCount = observed.sandboxes.filter((sandbox) => sandbox.ready).length;
  if (readyCount > 1 || !newest.ready) return { changed: true, attempt: attempt + 1, sandboxId: id };
  const hostNetwork = pod.spec.hostNetwork === true;
  if (newest.hostNetwork !== hostNetwork) return { changed: true, attempt: attempt + 1, sandboxId: '' };
  if (!hostNetwork && newest.ips.length === 0) return { changed: true, attempt: attempt + 1, sandboxId: id };
  return { changed: false, attempt, sandboxId: id };
}

export function planPod(input: PlanInput): PodPlan {
  const { pod, observed } = input;
  const sandbox = judgeSandbox(pod, observed);
  const none: PodPlan = {
    killPod: false,
    createSandbox: false,
    sandboxId: sandbox.sandboxId,
    attempt: sandbox.attempt,
    kill: [],
    reset: [],
    startInit: [],
    startEphemeral: [],
    startMain: [],
  };
  if (isRestartingAll(pod, observed, input.previous)) {
    const reset = instancesToReset(pod, observed);
    if (reset.length > 0) return { ...none, reset };
  }
  if (sandbox.changed) return planNewSandbox(input, none);

  const startEphemeral = (pod.spec.ephemeralContainers ?? [])
    .filter(({ name }) => latest(observed, name) === undefined)
    .map(({ name }) => name);
  const init = planInitContainers(input);
  if (init.failed) return { ...none, killPod: true, startEphemeral };
  const base = { ...none, startEphemeral, startInit: init.start, kill: init.kill };
  return init.initialized ? planMainContainers(input, base) : base;
}

function planNewSandbox({ pod, observed }: PlanInput, none: PodPlan): PodPlan {
  const { spec } = pod;
  const kill: PodPlan = { ...none, killPod: true };
  if (spec.restartPolicy === 'Never' && none.attempt !== 0 && observed.containers.length > 0) return kill;

  const start = spec.containers.filter((container) => {
    const onFailure = (container.restartPolicy ?? spec.restartPolicy) === 'OnFailure';
    const status = latest(observed, container.name);
    return !(onFailure && status?.state === 'exited' && status.exitCode === 0);
  });
  // Nothing left to run and something ran before: the Pod is over, it only looks as if it had just begun.
  if (start.length === 0 && anyMainContainerCreated(pod, observed)) return kill;

  const created = { ...kill, createSandbox: true };
  const first = spec.initContainers?.[0];
  if (first !== undefined) return { ...created, startInit: [first.name] };
  return { ...created, startMain: start.map(({ name }) => name) };
}

export const anyMainContainerCreated = (pod: Pod, observed: ObservedPod): boolean =>
  pod.spec.containers.some(({ name }) => {
    const state = latest(observed, name)?.state;
    return state !== undefined && state !== 'unknown';
  });

interface MainStep {
  readonly kept?: boolean;
  readonly start?: boolean;
  readonly kill?: Kill;
}

function planMainContainers(input: PlanInput, base: PodPlan): PodPlan {
  const steps = input.pod.spec.containers.map((container) => ({ name: container.name, ...mainStep(container, input) }));
  const kill = [...base.kill, ...steps.flatMap((step) => step.kill ?? [])];
  const startMain = steps.filter(({ start }) => start).map(({ name }) => name);
  if (startMain.length === 0 && !steps.some(({ kept }) => kept)) return { ...base, kill, killPod: true, startInit: [] };
  return { ...base, kill, startMain };
}

function mainStep(container: Container, input: PlanInput): MainStep {
  const { pod, observed } = input;
  const { name } = container;
  const status = latest(observed, name);
  if (status?.state !== 'running') {
    if (!shouldBeRestarted(container, pod, observed)) return {};
    return status?.state === 'unknown' ? { start: true, kill: killUnknown('Container', status) } : { start: true };
  }
  const verdict = judgeRunning(container, status, input);
  if (verdict === undefined) return { kept: true };
  const { restart, reason } = verdict;
  const message = restart ? `${verdict.message}, will be restarted` : verdict.message;
  return { start: restart, kill: { containerId: status.id, name, message, reason } };
}

interface RunningVerdict {
  readonly message: string;
  readonly reason: KillReason;
  readonly restart: boolean;
}

/** undefined = leave it running. */
function judgeRunning(container: Container, status: ObservedContainer, input: PlanInput): RunningVerdict | undefined {
  const { name } = container;
  if (status.hash !== containerHash(container)) {
    return { message: `Container ${name} definition changed`, reason: '', restart: true };
  }
  const restart = restartsWhenKilled(container, input.pod.spec);
  if (container.livenessProbe !== undefined && input.probes(status.id, 'liveness') === 'failure') {
    return { message: `Container ${name} failed liveness probe`, reason: 'LivenessProbe', restart };
  }
  if (container.startupProbe !== undefined && input.probes(status.id, 'startup') === 'failure') {
    return { message: `Container ${name} failed startup probe`, reason: 'StartupProbe', restart };
  }
  return undefined;
}

export const killUnknown = (what: string, status: ObservedContainer): Kill => ({
  containerId: status.id,
  name: status.name,
  message: `${what} is in "unknown" state, try killing it before restart`,
  reason: 'Unknown',
});
