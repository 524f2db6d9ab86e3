/** What a namespace that goes says about its end. Pure. Source: …/namespace/deletion/status_condition_utils.go. */
import type { NamespaceCondition, NamespaceStatus } from '@kapella/api/types/core-v1';
import { describeError, formatTime } from '@kapella/base';

/** One pass over a namespace's content. */
export interface DeletionReport {
  /** Why kinds could not be learnt; undefined where all were. */
  readonly discoveryFailure?: string | undefined;
  readonly contentErrors: readonly unknown[];
  /** Objects left, by `plural.group`. */
  readonly remaining: ReadonlyMap<string, number>;
  /** Objects left, by the finalizer that holds them. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** The fine state of each condition, in the order in which upstream writes them. */
const FINE: readonly (readonly [type: string, reason: string, message: string])[] = [
  ['NamespaceDeletionDiscoveryFailure', 'ResourcesDiscovered', 'All resources successfully discovered'],
  ['NamespaceDeletionGroupVersionParsingFailure', 'ParsedGroupVersions', 'All legacy kube types successfully parsed'],
  [
    'NamespaceDeletionContentFailure',
    'ContentDeleted',
    'All content successfully deleted, may be waiting on finalization',
  ],
  ['NamespaceContentRemaining', 'ContentRemoved', 'All content successfully removed'],
  ['NamespaceFinalizersRemaining', 'ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
];

/** The status to write; equal to `status` where nothing changed. */
export function withDeletionConditions(
  status: NamespaceStatus,
  report: DeletionReport,
  nowMs: number,
): NamespaceStatus {
  const failures = failuresOf(report);
  const ours = FINE.map(([type, reason, message]): NamespaceCondition => {
    const failure = failures.get(type);
    const old = status.conditions?.find((condition) => condition.type === type);
    const state = failure === undefined ? 'False' : 'True';
    const lastTransitionTime =
      old?.status === state && old.lastTransitionTime ? old.lastTransitionTime : formatTime(nowMs);
    return { type, status: state, lastTransitionTime, ...(failure ?? { reason, message }) };
  });
  const others = (status.conditions ?? []).filter((condition) => !FINE.some(([type]) => type === condition.type));
  return { ...status, conditions: [...others, ...ours] };
}

function failuresOf({ discoveryFailure, contentErrors, remaining, finalizers }: DeletionReport) {
  const failures = new Map<string, { readonly reason: string; readonly message: string }>();
  if (discoveryFailure !== undefined) {
    failures.set('NamespaceDeletionDiscoveryFailure', { reason: 'DiscoveryFailed', message: discoveryFailure });
  }
  if (contentErrors.length > 0) {
    const causes = contentErrors.map(describeError).toSorted().join(', ');
    const message = `Failed to delete all resource types, ${contentErrors.length} remaining: ${causes}`;
    failures.set('NamespaceDeletionContentFailure', { reason: 'ContentDeletionFailed', message });
  }
  if (remaining.size > 0) {
    const message = `Some resources are remaining: ${counted(remaining, 'has')}`;
    failures.set('NamespaceContentRemaining', { reason: 'SomeResourcesRemain', message });
  }
  if (finalizers.size > 0) {
    const message = `Some content in the namespace has finalizers remaining: ${counted(finalizers, 'in')}`;
    failures.set('NamespaceFinalizersRemaining', { reason: 'SomeFinalizersRemain', message });
  }
  return failures;
}

function counted(counts: ReadonlyMap<string, number>, word: string): string {
  return [...counts]
    .map(([name, count]) => `${name} ${word} ${count} resource instances`)
    .toSorted()
    .join(', ');
}
