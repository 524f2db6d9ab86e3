/** Pod failure policy and success policy. Pure. Source: kubernetes pkg/controller/job/{pod_failure_policy,success_policy}.go. */
import type { Job, PodFailurePolicy, PodFailurePolicyAction, PodFailurePolicyRule } from '@kapella/api/types/batch-v1';
import type { ContainerStatus, Pod } from '@kapella/api/types/core-v1';
import { countCommon, type Intervals, parseIntervals, totalOf } from './intervals.ts';

const ACTIONS: readonly PodFailurePolicyAction[] = ['FailJob', 'FailIndex', 'Ignore', 'Count'];

export interface FailureVerdict {
  /** Undefined when no rule matched. */
  readonly action: PodFailurePolicyAction | undefined;
  /** Whether the failure counts against the back-off limit. */
  readonly counts: boolean;
  /** Of a rule that fails the Job. */
  readonly message?: string;
}

export function judgeFailure(policy: PodFailurePolicy | undefined, pod: Pod): FailureVerdict {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    // Of a later version, perhaps.
    if (!ACTIONS.includes(rule.action)) continue;
    const cause = causeOf(rule, pod);
    if (cause === undefined) continue;
    const { action } = rule;
    if (action !== 'FailJob') return { action, counts: action !== 'Ignore' };
    return { action, counts: true, message: `${cause} matching FailJob rule at index ${index}` };
  }
  return { action: undefined, counts: true };
}

/** What in the Pod the rule matches, as messages say it. */
function causeOf(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const { namespace, name } = pod.metadata;
  if (rule.onExitCodes !== undefined && rule.onExitCodes !== null) {
    const status = matchingContainer(rule.onExitCodes, pod);
    if (status === undefined) return undefined;
    return `Container ${status.name} for pod ${namespace}/${name} failed with exit code ${status.state?.terminated?.exitCode}`;
  }
  const condition = (pod.status?.conditions ?? []).find((candidate) =>
    (rule.onPodConditions ?? []).some(
      ({ type, status = 'True' }) => type === candidate.type && status === candidate.status,
    ),
  );
  return condition === undefined ? undefined : `Pod ${namespace}/${name} has condition ${condition.type}`;
}

function matchingContainer(
  rule: NonNullable<PodFailurePolicyRule['onExitCodes']>,
  pod: Pod,
): ContainerStatus | undefined {
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
  return statuses.find((status) => {
    const exitCode = status.state?.terminated?.exitCode;
    if (exitCode === undefined || exitCode === 0) return false;
    if (rule.containerName !== undefined && rule.containerName !== null && rule.containerName !== status.name)
      return false;
    return rule.operator === 'In'
      ? rule.values.includes(exitCode)
      : rule.operator === 'NotIn' && !rule.values.includes(exitCode);
  });
}

/** The message of the first rule that is met. */
export function judgeSuccess(job: Job, succeeded: Intervals): string | undefined {
  if (succeeded.length === 0) return undefined;
  const rules = job.spec.successPolicy?.rules ?? [];
  const index = rules.findIndex(({ succeededIndexes, succeededCount }) => {
    const enough = (count: number) =>
      succeededCount !== undefined && succeededCount !== null && count >= succeededCount;
    if (succeededIndexes === undefined || succeededIndexes === null) return enough(totalOf(succeeded));
    const required = parseIntervals(succeededIndexes, job.spec.completions ?? 0);
    if (required.length === 0) return false;
    const common = countCommon(required, succeeded);
    return common === totalOf(required) || enough(common);
  });
  return index < 0 ? undefined : `Matched rules at index ${index}`;
}
