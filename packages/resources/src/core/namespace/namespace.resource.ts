/** v1 Namespace, as the API server sees it. Source: kubernetes pkg/registry/core/namespace. */
import type { Namespace } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { validateNamespace, validateNamespaceStatus } from './namespace.validate.ts';

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FINALIZER = 'kubernetes';

export const namespaceResource = defineResource<Namespace>({
  id: { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', singular: 'namespace' },
  names: { short: ['ns'] },
  scope: 'cluster',
  verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
  subresources: {
    status: { writes: ['status'], validateUpdate: validateNamespaceStatus },
    parts: {
      finalize: { merge: (next, old) => ({ ...old, spec: { ...old.spec, finalizers: next.spec?.finalizers ?? [] } }) },
    },
  },
  selectableFields: {
    'status.phase': (namespace) => namespace.status?.phase ?? '',
    name: (namespace) => namespace.metadata.name,
  },
  columns: [nameColumn(), { name: 'Status', value: (namespace) => namespace.status?.phase ?? '' }, ageColumn()],
  withDefaults: (namespace) => withNameLabel({ ...namespace, spec: namespace.spec ?? {} }),
  prepareForCreate(namespace) {
    const finalizers = namespace.spec.finalizers ?? [];
    const withOurs = finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER];
    return withNameLabel({
      ...namespace,
      spec: { ...namespace.spec, finalizers: withOurs },
      status: { phase: 'Active' },
    });
  },
  prepareForUpdate: (next, old) => ({
    ...next,
    spec: { ...next.spec, finalizers: old.spec?.finalizers },
    status: old.status,
  }),
  validate: validateNamespace,
  validateUpdate: (next, _old, errors) => validateNamespace(next, errors),
  nameRule: 'dns-label',
  allowUnconditionalUpdate: true,
  onMarkedForDeletion: (namespace) => ({ ...namespace, status: { ...namespace.status, phase: 'Terminating' } }),
  keepWhile: (namespace) => (namespace.spec?.finalizers?.length ?? 0) > 0,
});

/** The name is also a label, so that selectors can name a namespace. */
function withNameLabel(namespace: Namespace): Namespace {
  const { name, labels } = namespace.metadata;
  if (!name || labels?.[NAME_LABEL] === name) return namespace;
  return { ...namespace, metadata: { ...namespace.metadata, labels: { ...labels, [NAME_LABEL]: name } } };
}
