/** Label and field selectors of a request as a query of the watch cache. */
import type { FieldSelector, LabelSelector } from '@kapella/api';
import { errors } from '@kapella/base';
import type { CachedObject, CacheQuery } from '@kapella/store';
import type { ResourceType } from '../registry/resource-type.ts';

/** Throws BadRequest with upstream's words for a field that the kind does not select by. */
export function cacheQuery(
  type: ResourceType,
  namespace: string,
  pathName: string,
  labels: LabelSelector,
  fields: FieldSelector,
): CacheQuery {
  for (const { field } of fields.requirements) {
    if (!isSelectable(type, field)) throw errors.badRequest(notSelectable(type, field));
  }
  const inField = type.namespaced ? fields.exactMatch('metadata.namespace') : undefined;
  const isImpossible = inField !== undefined && namespace !== '' && inField !== namespace;
  const wanted = namespace !== '' ? namespace : inField;
  const name = pathName !== '' ? pathName : fields.exactMatch('metadata.name');
  const matches = isImpossible ? () => false : matcherOf(type, labels, fields);
  return {
    ...(wanted === undefined || !type.namespaced ? {} : { namespace: wanted }),
    ...(name === undefined ? {} : { name }),
    ...(matches === undefined ? {} : { matches }),
    ...exactOf(type, labels, fields),
  };
}

/** The first value that is asked for as it is. */
function exactOf(type: ResourceType, labels: LabelSelector, fields: FieldSelector): Pick<CacheQuery, 'exact'> {
  for (const { field } of fields.requirements) {
    const value = fields.exactMatch(field);
    const isKept =
      type.definition.storedAs === undefined && Object.hasOwn(type.definition.selectableFields ?? {}, field);
    if (isKept && value !== undefined) return { exact: { of: 'fields', name: field, value } };
  }
  for (const { key } of labels.requirements) {
    const value = labels.exactMatch(key);
    if (value !== undefined) return { exact: { of: 'labels', name: key, value } };
  }
  return {};
}

/** Kinds with selectable fields of their own word it differently. Source: apimachinery/pkg/runtime/converter.go. */
function notSelectable({ definition, custom }: ResourceType, field: string): string {
  if (definition.selectableFields !== undefined || custom) return `field label not supported: ${field}`;
  return `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`;
}

function isSelectable({ namespaced, definition }: ResourceType, field: string): boolean {
  if (field === 'metadata.name' || (field === 'metadata.namespace' && namespaced)) return true;
  if (field === 'metadata.namespace' && definition.selectableFields === undefined) return true;
  return definition.selectableFields !== undefined && Object.hasOwn(definition.selectableFields, field);
}

function matcherOf(
  type: ResourceType,
  labels: LabelSelector,
  fields: FieldSelector,
): ((object: CachedObject) => boolean) | undefined {
  const names = fields.requirements.filter(({ field }) => field === 'metadata.name').length;
  const rest =
    names > 1 ||
    fields.requirements.some(({ field, operator }) => operator === '!=' || !field.startsWith('metadata.name'));
  if (!rest) return labels.isEmpty ? undefined : (object) => labels.matches(object.labels);
  return (object) => labels.matches(object.labels) && fields.matches((field) => fieldValue(type, object, field));
}

function fieldValue(type: ResourceType, object: CachedObject, field: string): string {
  if (field === 'metadata.name') return object.name;
  if (field === 'metadata.namespace') return object.namespace;
  const known = object.fields[field];
  if (known !== undefined) return known;
  return type.definition.selectableFields?.[field]?.(type.objectOf(object) as never) ?? '';
}
