/** The Pod conditions that the node agent owns. Source: kubernetes pkg/kubelet/status/generate.go. */
import type { ContainerStatus, Pod, PodCondition, PodPhase } from '@kapella/api/types/core-v1';
import type { PendingResize, ResizeInProgress } from './allocation.ts';
import { formatList, isSidecar, type ObservedPod } from './observed.ts';
import { judgeSandbox } from './plan.ts';
import { instancesToReset, isRestartingAll, mayRestartAll, RESTARTING_ALL } from './restart.ts';

/** Condition types that only the agent writes; all others belong to somebody else. */
export const OWNED_CONDITIONS: readonly string[] = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
  'PodResizePending',
  'PodResizeInProgress',
  RESTARTING_ALL.condition,
];

export interface ConditionsInput {
  readonly pod: Pod;
  readonly observed: ObservedPod;
  /** Init and main. */
  readonly statuses: readonly ContainerStatus[];
  readonly phase: PodPhase;
  /** Conditions as last reported, for transition times and those of others. */
  readonly previous: readonly PodCondition[];
  /** RFC 3339. */
  readonly now: string;
  readonly pendingResize?: PendingResize;
  readonly resizeInProgress?: ResizeInProgress;
  /** Why the agent itself ends the Pod, for whoever counts disruptions. */
  readonly disruption?: string;
}

/** The agent's own word on a disruption; others write that condition, too. */
export const isOwnDisruption = ({ type, reason }: Pick<PodCondition, 'type' | 'reason'>): boolean =>
  type === 'DisruptionTarget' && reason === 'TerminationByKubelet';

type Verdict = Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;

export function podConditions(input: ConditionsInput): readonly PodCondition[] {
  const { pod, previous, now } = input;
  const others = (pod.status?.conditions ?? []).filter(
    ({ type }) => !OWNED_CONDITIONS.includes(type) && !(type === 'DisruptionTarget' && input.disruption !== undefined),
  );
  const containersReady = containersReadyOf(input);
  const verdicts: Verdict[] = [
    { type: 'PodReadyToStartContainers', status: judgeSandbox(pod, input.observed).changed ? 'False' : 'True' },
    initializedOf(input),
    readyOf(input, containersReady, others),
    containersReady,
    { type: 'PodScheduled', status: 'True' },
    ...(input.pendingResize === undefined
      ? []
      : [{ type: 'PodResizePending', status: 'True' as const, ...input.pendingResize }]),
    ...resizeInProgressOf(input),
    ...restartingAllOf(input),
    ...(input.disruption === undefined
      ? []
      : [
          {
            type: 'DisruptionTarget',
            status: 'True' as const,
            reason: 'TerminationByKubelet',
            message: input.disruption,
          },
        ]),
  ];
  const generation = pod.metadata.generation;
  const owned = verdicts.map((verdict): PodCondition => {
    const old = previous.find(({ type }) => type === verdict.type);
    const lastTransitionTime = old?.status === verdict.status ? (old.lastTransitionTime ?? now) : now;
    const own = verdict.type === 'PodResizeInProgress' ? input.resizeInProgress?.generation : generation;
    const seen = own === undefined || own === 0 ? {} : { observedGeneration: own };
    return { ...verdict, ...seen, lastTransitionTime };
  });
  return [...owned, ...others];
}

function resizeInProgressOf({ resizeInProgress }: ConditionsInput): readonly Verdict[] {
  if (resizeInProgress === undefined) return [];
  const { error } = resizeInProgress;
  const why = error === '' ? {} : { reason: 'Error', message: error };
  return [{ type: 'PodResizeInProgress', status: 'True', ...why }];
}

function restartingAllOf({ pod, observed, phase, previous }: ConditionsInput): readonly Verdict[] {
  if (!mayRestartAll(pod)) return [];
  const type = RESTARTING_ALL.condition;
  if (phase === 'Succeeded') return [{ type, status: 'False', reason: 'PodCompleted' }];
  if (phase === 'Failed') return [{ type, status: 'False', reason: 'PodFailed' }];
  const isUnderWay =
    isRestartingAll(pod, observed, { conditions: previous }) && instancesToReset(pod, observed).length > 0;
  if (!isUnderWay) return [{ type, status: 'False' }];
  const message = 'container exited with restart policy rule';
  return [{ type, status: 'True', reason: 'RestartAllContainersStarted', message }];
}

function containersReadyOf({ pod, statuses, phase }: ConditionsInput): Verdict {
  const type = 'ContainersReady';
  const watched = [...(pod.spec.initContainers ?? []).filter(isSidecar), ...pod.spec.containers].map(
    ({ name }) => name,
  );
  const { unknown, lacking } = sortOut(watched, statuses, (status) => status.ready);
  if (phase === 'Failed') return { type, status: 'False', reason: 'PodFailed' };
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'False', reason: 'PodCompleted' };
  const message = describe(unknown, lacking, 'unready');
  return message === '' ? { type, status: 'True' } : { type, status: 'False', reason: 'ContainersNotReady', message };
}

function readyOf({ pod }: ConditionsInput, containersReady: Verdict, others: readonly PodCondition[]): Verdict {
  if (containersReady.status !== 'True') return { ...containersReady, type: 'Ready' };
  const messages: string[] = [];
  for (const { conditionType } of pod.spec.readinessGates ?? []) {
    const gate = others.find(({ type }) => type === conditionType);
    const quoted = JSON.stringify(conditionType);
    if (gate === undefined) messages.push(`corresponding condition of pod readiness gate ${quoted} does not exist.`);
    else if (gate.status !== 'True') {
      messages.push(`the status of pod readiness gate ${quoted} is not "True", but ${gate.status}`);
    }
  }
  if (messages.length === 0) return { type: 'Ready', status: 'True' };
  return { type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}

function initializedOf({ pod, statuses, phase, previous }: ConditionsInput): Verdict {
  const type = 'Initialized';
  const init = pod.spec.initContainers ?? [];
  const sidecars = new Set(init.filter(isSidecar).map(({ name }) => name));
  const { unknown, lacking } = sortOut(
    init.map(({ name }) => name),
    statuses,
    (status) => (sidecars.has(status.name) ? status.started === true : status.ready),
  );
  if (phase === 'Succeeded' && unknown.length === 0) return { type, status: 'True', reason: 'PodCompleted' };
  const mains = new Set(pod.spec.containers.map(({ name }) => name));
  if (statuses.some(({ name, state }) => mains.has(name) && (state?.running || state?.terminated))) {
    return { type, status: 'True' };
  }
  const message = describe(unknown, lacking, 'incomplete');
  // Once it is, it stays so while all containers begin anew.
  const wasInitialized = previous.some((condition) => condition.type === type && condition.status === 'True');
  return message === '' || (mayRestartAll(pod) && wasInitialized)
    ? { type, status: 'True' }
    : { type, status: 'False', reason: 'ContainersNotInitialized', message };
}

function sortOut(
  names: readonly string[],
  statuses: readonly ContainerStatus[],
  good: (s: ContainerStatus) => boolean,
) {
  const unknown: string[] = [];
  const lacking: string[] = [];
  for (const name of names) {
    const status = statuses.find((candidate) => candidate.name === name);
    if (status === undefined) unknown.push(name);
    else if (!good(status)) lacking.push(name);
  }
  return { unknown, lacking };
}

function describe(unknown: readonly string[], lacking: readonly string[], word: string): string {
  return [
    ...(unknown.length > 0 ? [`containers with unknown status: ${formatList(unknown)}`] : []),
    ...(lacking.length > 0 ? [`containers with ${word} status: ${formatList(lacking)}`] : []),
  ].join(', ');
}
