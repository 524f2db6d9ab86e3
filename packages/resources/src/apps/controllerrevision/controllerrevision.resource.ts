/** apps/v1 ControllerRevision, as the API server sees it. Source: kubernetes pkg/registry/apps/controllerrevision. */
import type { ControllerRevision } from '@kapella/api/types/apps-v1';
import { defineResource } from '@kapella/apiserver';
import type { FieldErrors } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { NOT_NEGATIVE } from '../../support/validation/basic.ts';

export const controllerRevisionResource = defineResource<ControllerRevision>({
  id: {
    group: 'apps',
    version: 'v1',
    kind: 'ControllerRevision',
    plural: 'controllerrevisions',
    singular: 'controllerrevision',
  },
  scope: 'namespaced',
  columns: [
    nameColumn(),
    { name: 'Controller', value: controllerOf },
    { name: 'Revision', value: (revision) => revision.revision ?? 0 },
    ageColumn(),
  ],
  validate: checkRevision,
  validateUpdate(next, old, errors) {
    checkRevision(next, errors);
    errors.immutable('data', next.data, old.data);
  },
  allowUnconditionalUpdate: true,
});

function checkRevision({ revision = 0, data }: ControllerRevision, errors: FieldErrors): void {
  if (revision < 0) errors.invalid('revision', revision, NOT_NEGATIVE);
  if (data === undefined || data === null) errors.required('data', 'data is mandatory');
}

function controllerOf({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find((reference) => reference.controller === true);
  if (owner === undefined) return '<none>';
  const slash = owner.apiVersion.indexOf('/');
  const group = slash < 0 ? '' : `.${owner.apiVersion.slice(0, slash)}`;
  return `${`${owner.kind}${group}`.toLowerCase()}/${owner.name}`;
}
