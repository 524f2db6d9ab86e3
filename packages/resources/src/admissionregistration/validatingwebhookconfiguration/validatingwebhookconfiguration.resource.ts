/**
 * admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration, as the API server sees it.
 * Source: kubernetes pkg/registry/admissionregistration/validatingwebhookconfiguration.
 */
import type { ValidatingWebhookConfiguration } from '@kapella/api/types/admissionregistration-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { withWebhookDefaults } from '../admission-defaults.ts';
import { validateWebhooks } from '../webhooks.validate.ts';

export const validatingWebhookConfigurationResource = defineResource<ValidatingWebhookConfiguration>({
  id: {
    group: 'admissionregistration.k8s.io',
    version: 'v1',
    kind: 'ValidatingWebhookConfiguration',
    plural: 'validatingwebhookconfigurations',
    singular: 'validatingwebhookconfiguration',
  },
  names: { categories: ['api-extensions'] },
  scope: 'cluster',
  allowUnconditionalUpdate: false,
  generationBumpsOn: ['webhooks'],
  columns: [
    nameColumn(),
    { name: 'Webhooks', type: 'integer', value: (item) => item.webhooks?.length ?? 0 },
    ageColumn(),
  ],
  withDefaults: (item) => ({
    ...item,
    ...(item.webhooks && { webhooks: item.webhooks.map(withWebhookDefaults) }),
  }),
  validate: (item, errors) => validateWebhooks(item.webhooks, errors),
  validateUpdate: (next, _old, errors) => validateWebhooks(next.webhooks, errors),
});
