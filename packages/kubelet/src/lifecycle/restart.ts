/** Whether an ended container is started again. Source: kubernetes pkg/api/v1/pod/util.go, pkg/kubelet/container. */
import type { Container, ContainerRestartRule, Pod, PodSpec } from '@kapella/api/types/core-v1';
import { latest, type ObservedPod } from './observed.ts';

/** By the container's rules, then its own policy, then the Pod's. */
export function restartsAfter(container: Container, spec: PodSpec, exitCode: number): boolean {
  if (container.restartPolicy !== undefined) {
    const rule = container.restartPolicyRules?.find((candidate) => ruleMatches(candidate, exitCode));
    if (rule?.action === 'Restart') return true;
    const own = byPolicy(container.restartPolicy, exitCode);
    if (own !== undefined) return own;
  }
  return byPolicy(spec.restartPolicy, exitCode) ?? true;
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
