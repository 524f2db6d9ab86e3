/**
 * apiextensions.k8s.io/v1 CustomResourceDefinition, as the API server sees it.
 * Source: apiextensions-apiserver pkg/registry/customresourcedefinition.
 */
import type {
  CustomResourceConversion,
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '@kapella/api/types/apiextensions-v1';
import { defineResource } from '@kapella/apiserver';
import { createdAtColumn, nameColumn } from '../../support/columns.ts';
import { validateDefinition, validateDefinitionUpdate } from './customresourcedefinition.validate.ts';
import { fromStoredV1beta1 } from './stored-v1beta1.ts';

const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

function withCleanup(finalizers: readonly string[] = []): readonly string[] {
  return finalizers.includes(CLEANUP_FINALIZER) ? finalizers : [...finalizers, CLEANUP_FINALIZER];
}

function withTerminating({ metadata, status }: CustomResourceDefinition): readonly CustomResourceDefinitionCondition[] {
  const conditions = status?.conditions ?? [];
  if (conditions.some(({ type }) => type === 'Terminating')) return conditions;
  const terminating = {
    type: 'Terminating',
    status: 'True',
    lastTransitionTime: metadata.deletionTimestamp ?? '',
    reason: 'InstanceDeletionPending',
    message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
  };
  return [...conditions, terminating];
}

/** A webhook's service is reached at 443 where nothing else is said. */
function withPort(conversion: CustomResourceConversion): CustomResourceConversion {
  const { webhook } = conversion;
  const service = webhook?.clientConfig?.service;
  if (webhook === undefined || service === undefined || service.port !== undefined) return conversion;
  const clientConfig = { ...webhook.clientConfig, service: { ...service, port: 443 } };
  return { ...conversion, webhook: { ...webhook, clientConfig } };
}

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
  fromOlder: { 'apiextensions.k8s.io/v1beta1': fromStoredV1beta1 },
  generationBumpsOn: ['spec'],
  columns: [nameColumn(), createdAtColumn()],
  // Its objects go first: packages/apiextensions deletes them and takes the finalizer away.
  keepWhile: ({ metadata }) => metadata.deletionTimestamp === undefined,
  onMarkedForDeletion: (definition) => ({
    ...definition,
    metadata: { ...definition.metadata, finalizers: withCleanup(definition.metadata.finalizers) },
    status: { ...definition.status, conditions: withTerminating(definition) },
  }),
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
        conversion: withPort(definition.spec.conversion ?? { strategy: 'None' }),
      },
    };
  },
  validate: validateDefinition,
  validateUpdate: validateDefinitionUpdate,
  prepareForCreate: (definition) => ({
    ...definition,
    status: { storedVersions: (definition.spec?.versions ?? []).filter((v) => v.storage).map((v) => v.name) },
  }),
});
