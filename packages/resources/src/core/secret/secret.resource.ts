/** v1 Secret, as the API server sees it. Source: kubernetes pkg/registry/core/secret. */
import type { Secret } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { encodeBase64 } from '../../support/base64.ts';
import { validateSecret, validateSecretUpdate } from './secret.validate.ts';

export const secretResource = defineResource<Secret>({
  id: { group: '', version: 'v1', kind: 'Secret', plural: 'secrets', singular: 'secret' },
  scope: 'namespaced',
  selectableFields: { type: (secret) => secret.type ?? '' },
  columns: [
    nameColumn(),
    { name: 'Type', value: (secret) => secret.type ?? '' },
    { name: 'Data', value: (secret) => Object.keys(secret.data ?? {}).length },
    ageColumn(),
  ],
  withDefaults(secret) {
    const { stringData, ...rest } = secret;
    const type = secret.type || 'Opaque';
    if (stringData === undefined) return { ...rest, type };
    const encoded = Object.entries(stringData).map(([key, text]) => [key, encodeBase64(text)] as const);
    return { ...rest, data: { ...secret.data, ...Object.fromEntries(encoded) }, type };
  },
  validate: validateSecret,
  validateUpdate: validateSecretUpdate,
  allowUnconditionalUpdate: true,
});
