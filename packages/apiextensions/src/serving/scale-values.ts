/** What the scale subresource reads must be what it says. Source: apiextensions-apiserver pkg/registry/customresource/validator.go. */
import { isPlainObject, type UnknownObject } from '@kapella/api';
import type { CustomResourceSubresourceScale } from '@kapella/api/types/apiextensions-v1';
import { type FieldErrors, stringifyExactJson } from '@kapella/base';

const REPLICAS_MAX = 2_147_483_647;

/** `withSpec`: false for writes through status, which leave the spec alone. */
export function checkScaleValues(
  object: UnknownObject,
  scale: CustomResourceSubresourceScale | undefined,
  withSpec: boolean,
  errors: FieldErrors,
): void {
  if (scale === undefined) return;
  if (withSpec) checkReplicas(object, scale.specReplicasPath, errors);
  checkReplicas(object, scale.statusReplicasPath, errors);
  const path = scale.labelSelectorPath;
  if (!path) return;
  const selector = valueAt(object, path);
  if (selector === undefined || typeof selector === 'string') return;
  errors.invalid(path, '', typeError(path, selector, 'string'));
}

function checkReplicas(object: UnknownObject, path: string, errors: FieldErrors): void {
  const value = valueAt(object, path);
  if (value === undefined) return;
  if (typeof value !== 'bigint' && !Number.isInteger(value)) errors.invalid(path, 0, typeError(path, value, 'int64'));
  else if (Number(value) < 0) errors.invalid(path, value, 'should be a non-negative integer');
  else if (Number(value) > REPLICAS_MAX) errors.invalid(path, value, `should be less than or equal to ${REPLICAS_MAX}`);
}

function valueAt(object: UnknownObject, path: string): unknown {
  let value: unknown = object;
  for (const name of path.replace(/^\./, '').split('.')) {
    if (!isPlainObject(value) || !Object.hasOwn(value, name)) return undefined;
    value = value[name];
  }
  return value;
}

/** As Go tells of a value that is of another type. */
function typeError(path: string, value: unknown, wanted: string): string {
  const isPlain = typeof value !== 'object' || value === null;
  const shown = value === null ? '<nil>' : isPlain ? String(value) : stringifyExactJson(value);
  return `${path} accessor error: ${shown} is of the type ${goTypeOf(value)}, expected ${wanted}`;
}

function goTypeOf(value: unknown): string {
  if (value === null) return '<nil>';
  if (Array.isArray(value)) return '[]interface {}';
  if (typeof value === 'bigint') return 'int64';
  if (typeof value === 'number') return Number.isInteger(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : typeof value === 'string' ? 'string' : 'map[string]interface {}';
}
