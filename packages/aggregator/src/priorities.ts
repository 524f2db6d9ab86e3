/** Which groups come before which in discovery. Source: kubernetes cmd/kube-apiserver/app/aggregator.go (the table). */

import type { Priorities } from '@kapella/api';

export type { Priorities };

/** Group, its priority, and its versions with theirs where that is not 15. */
const ROWS: readonly (readonly [group: string, priority: number, versions?: Readonly<Record<string, number>>])[] = [
  ['', 18_000, { v1: 1 }],
  ['apps', 17_800],
  ['events.k8s.io', 17_750],
  ['authentication.k8s.io', 17_700],
  ['authorization.k8s.io', 17_600],
  ['autoscaling', 17_500, { v2: 30 }],
  ['batch', 17_400],
  ['certificates.k8s.io', 17_300],
  ['networking.k8s.io', 17_200],
  ['policy', 17_100],
  ['rbac.authorization.k8s.io', 17_000],
  ['storage.k8s.io', 16_800],
  ['apiextensions.k8s.io', 16_700],
  ['admissionregistration.k8s.io', 16_700],
  ['scheduling.k8s.io', 16_600],
  ['coordination.k8s.io', 16_500],
  ['node.k8s.io', 16_300],
  ['discovery.k8s.io', 16_200],
  ['resource.k8s.io', 16_200, { v1: 21 }],
  ['flowcontrol.apiserver.k8s.io', 16_100, { v1: 21 }],
  ['internal.apiserver.k8s.io', 16_000, { v1alpha1: 9 }],
];
export const CUSTOM_PRIORITY: Priorities = { groupPriorityMinimum: 1_000, versionPriority: 100 };

export function prioritiesOf(group: string, version: string): Priorities {
  const row = ROWS.find(([name]) => name === group);
  if (row === undefined) return CUSTOM_PRIORITY;
  return { groupPriorityMinimum: row[1], versionPriority: row[2]?.[version] ?? 15 };
}
