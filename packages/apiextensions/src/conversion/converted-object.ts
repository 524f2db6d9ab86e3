/** What a webhook may change of an object: not what identifies it, and of its metadata labels and annotations only. */
import { isPlainObject, type UnknownObject, validateAnnotations, validateLabels } from '@kapella/api';
import { FieldErrors } from '@kapella/base';

/** The converted object with the metadata of the original. Throws Error with what is wrong, to be put behind `prefix`. */
export function acceptConverted(
  original: UnknownObject,
  given: unknown,
  apiVersion: string,
  where: { readonly version: string; readonly object: string; readonly metadata: string },
): UnknownObject {
  if (!isPlainObject(given))
    throw new Error(`${where.version}: invalid type, expected=Unstructured, got=${typeof given}`);
  const converted = given as unknown as UnknownObject;
  if (converted.apiVersion !== apiVersion) {
    const got = String(converted.apiVersion ?? '');
    throw new Error(`${where.version}: invalid groupVersion (expected ${apiVersion}, received ${got})`);
  }
  if (converted.kind !== original.kind) {
    const got = String(converted.kind ?? '');
    throw new Error(`${where.version}: invalid kind (expected ${original.kind}, received ${got})`);
  }
  checkIdentity(original, converted, where.object);
  return { ...converted, metadata: restoredMetadata(original, converted, where.metadata) };
}

function checkIdentity(original: UnknownObject, converted: UnknownObject, prefix: string): void {
  const before = original.metadata;
  const after: Partial<UnknownObject['metadata']> = isPlainObject(converted.metadata) ? converted.metadata : {};
  for (const [field, word] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const [expected = '', got = ''] = [before[field], after[field]];
    if (expected !== got) throw new Error(`${prefix}: must have the same ${word}: ${expected} != ${got}`);
  }
}

function restoredMetadata(
  original: UnknownObject,
  converted: UnknownObject,
  prefix: string,
): UnknownObject['metadata'] {
  const given: unknown = converted.metadata;
  if (given === undefined) throw new Error(`${prefix}: missing metadata in converted object`);
  if (!isPlainObject(given)) throw new Error(`${prefix}: invalid metadata of type ${typeof given} in converted object`);
  const { labels: _l, annotations: _a, ...rest } = original.metadata;
  const metadata: Record<string, unknown> = { ...rest };
  for (const field of ['labels', 'annotations'] as const) {
    const texts = textsOf(given[field], field, prefix);
    if (texts === undefined) continue;
    const found = new FieldErrors();
    if (field === 'labels') validateLabels(texts, found, 'metadata.labels');
    else validateAnnotations(texts, found, 'metadata.annotation');
    if (found.any) throw new Error(`${prefix}: ${found.list.map((e) => `${e.field}: ${e.message}`).join(', ')}`);
    metadata[field] = texts;
  }
  return metadata as unknown as UnknownObject['metadata'];
}

function textsOf(given: unknown, field: string, prefix: string): Record<string, string> | undefined {
  if (given === undefined || given === null) return undefined;
  if (!isPlainObject(given)) {
    throw new Error(`${prefix}: invalid metadata.${field} of type ${typeof given} in converted object`);
  }
  for (const [key, value] of Object.entries(given)) {
    if (typeof value === 'string') continue;
    throw new Error(
      `${prefix}: metadata.${field}[${key}] must be a string, but is ${typeof value} in converted object`,
    );
  }
  return given as Record<string, string>;
}
