/**
 * apiextensions.k8s.io/v1 CustomResourceDefinition, as the API server sees it.
 * Source: apiextensions-apiserver pkg/registry/customresourcedefinition.
 */
import type { CustomResourceDefinition } from '@kapella/api/types/apiextensions-v1';
import { defineResource } from '@kapella/apiserver';
import { createdAtColumn, nameColumn } from '../../support/columns.ts';

export const customResourceDefinitionResource = defineResource<CustomResourceDefinition>({
  id: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    singular: 'customresourcedefinition',
  },
  names: { short: ['crd', 'crds'], categories: ['api-extensions'] },
  scope: 'cluster',
  generationBumpsOn: ['spec'],
  columns: [nameColumn(), createdAtColumn()],
  subresources: { status: { writes: ['status'] } },
  withDefaults(definition) {
    const { names } = definition.spec ?? {};
    if (names === undefined) return definition;
    const { kind = '' } = names;
    return {
      ...definition,
      spec: {
        ...definition.spec,
        names: {
          ...names,
          singular: names.singular || kind.toLowerCase(),
          ...((names.listKind || kind) && { listKind: names.listKind || `${kind}List` }),
        },
        conversion: definition.spec.conversion ?? { strategy: 'None' },
      },
    };
  },
  prepareForCreate: (definition) => ({
    ...definition,
    status: { storedVersions: (definition.spec.versions ?? []).filter((v) => v.storage).map((v) => v.name) },
  }),
});
