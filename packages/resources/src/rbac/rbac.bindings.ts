/** What both kinds of bindings share. Source: kubernetes pkg/apis/rbac/v1/defaults.go, pkg/apis/rbac/helpers.go. */
import type { RoleRef, Subject } from '@kapella/api/types/rbac-v1';
import type { Column } from '@kapella/apiserver';

const GROUP = 'rbac.authorization.k8s.io';

interface Binding {
  readonly subjects?: readonly Subject[];
  readonly roleRef: RoleRef;
}

export function withBindingDefaults<T extends Binding>(binding: T): T {
  return {
    ...binding,
    roleRef: { ...binding.roleRef, apiGroup: binding.roleRef?.apiGroup || GROUP },
    ...(binding.subjects && { subjects: binding.subjects.map(withSubjectDefaults) }),
  };
}

function withSubjectDefaults(subject: Subject): Subject {
  if (subject.apiGroup || (subject.kind !== 'User' && subject.kind !== 'Group')) return subject;
  return { ...subject, apiGroup: GROUP };
}

/** Users, Groups and ServiceAccounts, printed with -o wide. */
export function subjectColumns<T extends Binding>(): readonly Column<T>[] {
  const cell = (kind: string, text: (subject: Subject) => string) => (binding: T) =>
    (binding.subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map(text)
      .join(', ');
  return [
    { name: 'Users', wide: true, value: cell('User', ({ name }) => name) },
    { name: 'Groups', wide: true, value: cell('Group', ({ name }) => name) },
    { name: 'ServiceAccounts', wide: true, value: cell('ServiceAccount', (s) => `${s.namespace ?? ''}/${s.name}`) },
  ];
}
