/** v1 PodTemplate, as the API server sees it. Source: kubernetes pkg/registry/core/podtemplate. */
import type { PodTemplate } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { nameColumn } from '../../support/columns.ts';
import { containerImages, containerNames, formatLabels } from '../../support/format.ts';
import { withTemplateDefaults } from '../../support/pod-defaults.ts';
import { validatePodTemplateSpec } from '../../support/validation/pod-template.ts';

export const podTemplateResource = defineResource<PodTemplate>({
  id: { group: '', version: 'v1', kind: 'PodTemplate', plural: 'podtemplates', singular: 'podtemplate' },
  scope: 'namespaced',
  generationBumpsOn: ['template'],
  columns: [
    nameColumn(),
    { name: 'Containers', value: (object) => containerNames(object.template?.spec) },
    { name: 'Images', value: (object) => containerImages(object.template?.spec) },
    { name: 'Pod Labels', value: (object) => formatLabels(object.template?.metadata?.labels) },
  ],
  withDefaults: (object) => ({ ...object, template: withTemplateDefaults(object.template) }),
  validate: (object, errors) => validatePodTemplateSpec(object.template, errors, 'template'),
  validateUpdate: (next, _old, errors) => validatePodTemplateSpec(next.template, errors, 'template'),
  allowUnconditionalUpdate: true,
});
