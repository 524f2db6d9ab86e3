/** Whether an ended container is started again. Source: kubernetes pkg/api/v1/pod/util.go, pkg/kubelet/container. */
import type { Container, ContainerRestartRule, Pod, PodSpec, PodStatus } from '@kapella/api/types/core-v1';
import { latest, type ObservedContainer, type ObservedPod } from './observed.ts';

/** By the container's rules, then its own policy, then the Pod's. */
export function restartsAfter(container: Container, spec: PodSpec, exitCode: number): boolean {
  if (container.restartPolicy !== undefined) {
    const action = actionAfter(container, exitCode);
    if (action === 'Restart' || action === RESTART_ALL) return true;
    const own = byPolicy(container.restartPolicy, exitCode);
    if (own !== undefined) return own;
  }
  return byPolicy(spec.restartPolicy, exitCode) ?? true;
}

const actionAfter = ({ restartPolicyRules }: Container, exitCode: number): string | undefined =>
  restartPolicyRules?.find((candidate) => ruleMatches(candidate, exitCode))?.action;

const RESTART_ALL = 'RestartAllContainers';

/** Why a container waits, and how it is said to have ended, when all begin anew because of one. */
export const RESTARTING_ALL = {
  condition: 'AllContainersRestarting',
  reason: 'RestartingAllContainers',
  message: 'The container is removed because RestartAllContainers in place',
} as const;

const allOf = ({ initContainers = [], containers }: PodSpec): readonly Container[] => [
  ...initContainers,
  ...containers,
];

/** Whether the end of one container can make all of them begin anew. */
export const mayRestartAll = ({ spec }: Pod): boolean =>
  allOf(spec).some(({ restartPolicyRules = [] }) => restartPolicyRules.some(({ action }) => action === RESTART_ALL));

/** Whether this end is one of those. */
export const restartsAll = (container: Container, exitCode: number): boolean =>
  actionAfter(container, exitCode) === RESTART_ALL;

/** One has ended so, or did before, and some are still there. */
export function isRestartingAll(pod: Pod, observed: ObservedPod, previous: PodStatus | undefined): boolean {
  if (!mayRestartAll(pod)) return false;
  const before = previous?.conditions?.find(({ type }) => type === RESTARTING_ALL.condition);
  if (before?.status === 'True') return true;
  return allOf(pod.spec).some((container) => {
    const status = latest(observed, container.name);
    return status?.state === 'exited' && restartsAll(container, status.exitCode);
  });
}

/** Instances that must go before all begin anew: those whose end was the cause go last, so that it is not forgotten. */
export function instancesToReset({ spec }: Pod, observed: ObservedPod): readonly ObservedContainer[] {
  const instances = (containers: readonly Container[], isCause: boolean) =>
    containers.flatMap((container) =>
      observed.containers.filter(
        ({ name, state, exitCode }) =>
          name === container.name && (state === 'exited' && restartsAll(container, exitCode)) === isCause,
      ),
    );
  const { initContainers = [], containers } = spec;
  const [main, init] = [containers, initContainers];
  return [...instances(main, false), ...instances(init, false), ...instances(main, true), ...instances(init, true)];
}

function byPolicy(policy: string | undefined, exitCode: number): boolean | undefined {
  switch (policy) {
    case 'Always':
      return true;
    case 'OnFailure':
      return exitCode !== 0;
    case 'Never':
      return false;
    default:
      return undefined;
  }
}

function ruleMatches({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (exitCodes === undefined) return false;
  const listed = exitCodes.values?.includes(exitCode) ?? false;
  if (exitCodes.operator === 'In') return listed;
  return exitCodes.operator === 'NotIn' && !listed;
}

/** Whether it should run but does not: never started, lost, or ended in a way that its policy restarts. */
export function shouldBeRestarted(container: Container, pod: Pod, observed: ObservedPod): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false;
  const status = latest(observed, container.name);
  if (status === undefined) return true;
  if (status.state === 'running') return false;
  if (status.state !== 'exited') return true;
  return restartsAfter(container, pod.spec, status.exitCode);
}

/** Whether a failed probe or a changed definition leads to a new instance. */
export const restartsWhenKilled = (container: Container, spec: PodSpec): boolean =>
  (container.restartPolicy ?? spec.restartPolicy) !== 'Never';
