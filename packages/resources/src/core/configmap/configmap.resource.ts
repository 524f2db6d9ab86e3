/** v1 ConfigMap, as the API server sees it. Source: kubernetes pkg/registry/core/configmap. */
import { byteLength, validateConfigMapKey } from '@kapella/api';
import type { ConfigMap } from '@kapella/api/types/core-v1';
import { defineResource } from '@kapella/apiserver';
import { type FieldErrors, jsonEqual } from '@kapella/base';
import { ageColumn, nameColumn } from '../../support/columns.ts';
import { base64Bytes } from '../../support/base64.ts';
import { addInvalid } from '../../support/validation/basic.ts';

export const configMapResource = defineResource<ConfigMap>({
  id: { group: '', version: 'v1', kind: 'ConfigMap', plural: 'configmaps', singular: 'configmap' },
  names: { short: ['cm'] },
  scope: 'namespaced',
  columns: [
    nameColumn(),
    {
      name: 'Data',
      value: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
    },
    ageColumn(),
  ],
  validate: validateConfigMap,
  validateUpdate(next, old, errors) {
    if (old.immutable === true) {
      if (next.immutable !== true) errors.forbidden('immutable', 'field is immutable when `immutable` is set');
      for (const field of ['data', 'binaryData'] as const) {
        if (!jsonEqual(next[field] ?? {}, old[field] ?? {})) {
          errors.forbidden(field, 'field is immutable when `immutable` is set');
        }
      }
    }
    validateConfigMap(next, errors);
  },
  allowUnconditionalUpdate: true,
});

const SIZE_MAX_BYTES = 1024 * 1024;

function validateConfigMap({ data = {}, binaryData = {} }: ConfigMap, errors: FieldErrors): void {
  let size = 0;
  for (const [key, value] of Object.entries(data)) {
    addInvalid(errors, `data[${key}]`, key, validateConfigMapKey(key));
    if (Object.hasOwn(binaryData, key)) errors.invalid(`data[${key}]`, key, `duplicate of key present in binaryData`);
    size += byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    addInvalid(errors, `binaryData[${key}]`, key, validateConfigMapKey(key));
    size += base64Bytes(value);
  }
  if (size > SIZE_MAX_BYTES) errors.tooLong('', SIZE_MAX_BYTES);
}
