/** fieldPath of a rule: a path below the value that the rule is about. Source: schema/cel/validation.go ValidFieldPath. */
import { type JsonSchema, propertyOf, valuesOf } from '@kapella/api';
import type { FieldErrors } from '@kapella/base';

const STEP = /\.([^.[\]']+)|\['((?:[^'\\]|\\.)*)'\]/y;

/** As errors name fields: `.spec['a.b']` is `spec.a.b`, or `spec[a.b]` where `spec` is a map. undefined: no such field. */
export function normalizeFieldPath(path: string, root: JsonSchema): string | undefined {
  let schema: JsonSchema | undefined = root;
  let normal = '';
  STEP.lastIndex = 0;
  for (let at = 0; at < path.length; at = STEP.lastIndex) {
    STEP.lastIndex = at;
    const match = STEP.exec(path);
    if (match === null) return undefined;
    const name = match[1] ?? (match[2] as string).replace(/\\(.)/g, '$1');
    const isNamed: boolean = schema.properties !== undefined;
    const next: JsonSchema | undefined = isNamed ? propertyOf(schema, name) : valuesOf(schema);
    if (next === undefined) return undefined;
    normal += isNamed ? `${normal === '' ? '' : '.'}${name}` : `[${name}]`;
    schema = next;
  }
  return normal;
}

export function checkFieldPath(path: string | undefined, schema: JsonSchema, field: string, errors: FieldErrors): void {
  if (path === undefined) return;
  if (path.trim() === '') errors.invalid(field, path, 'must be non-empty if specified');
  if (/[\n\r]/.test(path)) errors.invalid(field, path, 'must not contain line breaks');
  if (path !== '' && normalizeFieldPath(path, schema) === undefined)
    errors.invalid(field, path, 'must be a valid path');
}
