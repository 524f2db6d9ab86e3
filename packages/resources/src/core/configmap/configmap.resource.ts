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
  for (const key of Object.keys(data)) {
    addInvalid(errors, `data[${key}]`, key, validateConfigMapKey(key));
    if (Object.hasOwn(binaryData, key)) errors.invalid(`data[${key}]`, key, `duplicate of key present in binaryData`);
  }
  for (const key of Object.keys(binaryData)) addInvalid(errors, `binaryData[${key}]`, key, validateConfigMapKey(key));
  if (isTooLong(Object.values(data), Object.values(binaryData))) errors.tooLong('', SIZE_MAX_BYTES);
}

/** No unit of a text is more than three bytes: most objects are known to be small without a look at each of theirs. */
const UNIT_BYTES_MAX = 3;

function isTooLong(texts: readonly string[], encoded: readonly string[]): boolean {
  const units = [...texts, ...encoded].reduce((sum, { length }) => sum + length, 0);
  if (units * UNIT_BYTES_MAX <= SIZE_MAX_BYTES) return false;
  const bytes = texts.reduce((sum, text) => sum + byteLength(text), 0);
  return encoded.reduce((sum, text) => sum + base64Bytes(text), bytes) > SIZE_MAX_BYTES;
}
