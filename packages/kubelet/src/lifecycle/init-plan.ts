/** The part of the plan about init containers and sidecars. Source: kuberuntime_container.go (computeInitContainerActions). */
import type { Container } from '@kapella/api/types/core-v1';
import { containerHash } from './labels.ts';
import { isSidecar, latest, type ObservedContainer } from './observed.ts';
import { type Kill, killUnknown, type PlanInput } from './plan.ts';
import { restartsWhenKilled, shouldBeRestarted } from './restart.ts';

export interface InitPlan {
  /** All init containers have done their part: main containers may run. */
  readonly initialized: boolean;
  /** One failed for good: the Pod has failed. */
  readonly failed: boolean;
  readonly start: readonly string[];
  readonly kill: readonly Kill[];
}

interface State {
  initialized: boolean;
  /** A later container was seen, so this one is done with its first run. */
  later: boolean;
  readonly start: number[];
  readonly kill: Kill[];
}

export function planInitContainers(input: PlanInput): InitPlan {
  const { pod, observed } = input;
  const containers = pod.spec.initContainers ?? [];
  if (containers.length === 0) return { initialized: true, failed: false, start: [], kill: [] };
  const mainAlive = pod.spec.containers.some(({ name }) => isAlive(latest(observed, name)));
  const state: State = { initialized: mainAlive, later: mainAlive, start: [], kill: [] };
  // From the last to the first: the last one that exists tells how far the sequence has come.
  for (let i = containers.length - 1; i >= 0; i--) {
    if (judge(i, containers[i] as Container, state, input)) {
      return { initialized: false, failed: true, start: [], kill: [] };
    }
  }
  if (!state.later) state.start.push(0);
  const start = [...new Set(state.start)].toSorted((a, b) => a - b).map((i) => (containers[i] as Container).name);
  return { initialized: state.initialized, failed: false, start, kill: state.kill };
}

/** True when the Pod has failed by it. */
function judge(i: number, container: Container, state: State, input: PlanInput): boolean {
  const status = latest(input.observed, container.name);
  const sidecar = isSidecar(container);
  if (status === undefined) {
    if (state.later && sidecar) state.start.push(i);
    return false;
  }
  if (state.later && !sidecar) return false;
  const failed = (sidecar ? judgeSidecar : judgeInit)(i, container, status, state, input);
  state.later = true;
  return failed;
}

const isAlive = (status: ObservedContainer | undefined) => status?.state === 'created' || status?.state === 'running';

/** True when the Pod has failed by it. */
function judgeInit(
  i: number,
  container: Container,
  status: ObservedContainer,
  state: State,
  input: PlanInput,
): boolean {
  const { pod, observed } = input;
  switch (status.state) {
    case 'created':
      state.start.push(i);
      return false;
    case 'running':
      return false;
    case 'exited':
      if (status.exitCode === 0 && status.reason !== 'OOMKilled') {
        advance(i, state, input);
        return false;
      }
      if (!shouldBeRestarted(container, pod, observed) && pod.metadata.deletionTimestamp === undefined) return true;
      state.start.push(i);
      return false;
    default:
      if (!restartsWhenKilled(container, pod.spec)) return true;
      state.kill.push(killUnknown('Init container', status));
      state.start.push(i);
      return false;
  }
}

function judgeSidecar(
  i: number,
  container: Container,
  status: ObservedContainer,
  state: State,
  input: PlanInput,
): boolean {
  switch (status.state) {
    case 'running':
      judgeRunningSidecar(i, container, status, state, input);
      return false;
    case 'unknown':
      state.kill.push(killUnknown('Init container', status));
      state.start.push(i);
      return false;
    default:
      state.start.push(i);
      return false;
  }
}

function judgeRunningSidecar(
  i: number,
  container: Container,
  status: ObservedContainer,
  state: State,
  input: PlanInput,
): void {
  const restart = (message: string, reason: Kill['reason']) => {
    state.kill.push({ containerId: status.id, name: container.name, message, reason });
    state.start.push(i);
  };
  if (container.startupProbe !== undefined) {
    const startup = input.probes(status.id, 'startup');
    if (startup === 'failure') restart(`Init container ${container.name} failed startup probe`, 'StartupProbe');
    if (startup !== 'success') return;
  }
  advance(i, state, input);
  if (status.hash !== containerHash(container)) {
    restart(`Init container ${container.name} definition changed`, '');
  } else if (container.livenessProbe !== undefined && input.probes(status.id, 'liveness') === 'failure') {
    restart(`Init container ${container.name} failed liveness probe`, 'LivenessProbe');
  }
}

/** This one has started up (or ended well): the next may start. */
function advance(i: number, state: State, { pod }: PlanInput): void {
  if (i === (pod.spec.initContainers?.length ?? 0) - 1) state.initialized = true;
  else if (!state.later) state.start.push(i + 1);
}
