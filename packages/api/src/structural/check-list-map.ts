/** Rules of x-kubernetes-list-type, x-kubernetes-list-map-keys and x-kubernetes-map-type. Source: as check-schema.ts. */
import type { FieldErrors } from '@kapella/base';
import { itemsOf, type JsonSchema, propertyOf } from './schema.ts';

const LIST_TYPE = 'x-kubernetes-list-type';
const LIST_KEYS = 'x-kubernetes-list-map-keys';
const MAP_TYPE = 'x-kubernetes-map-type';

export function checkMapType(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const mapType = schema[MAP_TYPE];
  if (mapType === undefined) return;
  mustBe('object', MAP_TYPE, schema, path, errors);
  if (mapType !== 'atomic' && mapType !== 'granular') {
    errors.notSupported(`${path}.${MAP_TYPE}`, mapType, ['atomic', 'granular']);
  }
}

function mustBe(type: string, word: string, schema: JsonSchema, path: string, errors: FieldErrors): void {
  const why = `must be ${type} if ${word} is specified`;
  if ((schema.type ?? '') === '') errors.required(`${path}.type`, why);
  else if (schema.type !== type) errors.invalid(`${path}.type`, schema.type, why);
}

export function checkListType(schema: JsonSchema, path: string, errors: FieldErrors): void {
  const listType = schema[LIST_TYPE];
  const keys = schema[LIST_KEYS] ?? [];
  if (listType !== undefined) {
    mustBe('array', LIST_TYPE, schema, path, errors);
    if (listType === 'set') checkSetItems(itemsOf(schema), path, errors);
    if (!['atomic', 'set', 'map'].includes(listType)) {
      errors.notSupported(`${path}.${LIST_TYPE}`, listType, ['atomic', 'set', 'map']);
    }
  }
  if (keys.length > 0 && listType !== 'map') {
    const why = `must be map if ${LIST_KEYS} is non-empty`;
    if (listType === undefined) errors.required(`${path}.${LIST_TYPE}`, why);
    else errors.invalid(`${path}.${LIST_TYPE}`, listType, why);
  }
  if (listType === 'map') checkKeys(keys, itemsOf(schema), path, errors);
  if ((listType === 'set' || listType === 'map') && itemsOf(schema)?.nullable === true) {
    errors.forbidden(`${path}.items.nullable`, `cannot be nullable when ${LIST_TYPE} is ${listType}`);
  }
}

function checkSetItems(items: JsonSchema | undefined, path: string, errors: FieldErrors): void {
  const why = `must be atomic as item of a list with ${LIST_TYPE}=set`;
  if (items?.type === 'array' && items[LIST_TYPE] !== 'atomic') {
    errors.invalid(`${path}.items.${LIST_TYPE}`, items[LIST_TYPE], why);
  }
  if (items?.type === 'object' && items[MAP_TYPE] !== 'atomic') {
    errors.invalid(`${path}.items.${MAP_TYPE}`, items[LIST_TYPE], why);
  }
}

function checkKeys(keys: readonly string[], items: JsonSchema | undefined, path: string, errors: FieldErrors): void {
  if (keys.length === 0) errors.required(`${path}.${LIST_KEYS}`, `must not be empty if ${LIST_TYPE} is map`);
  if (items === undefined) {
    errors.required(`${path}.items`, `must have a schema if ${LIST_TYPE} is map`);
    return;
  }
  if (items.type !== 'object') {
    errors.invalid(`${path}.items.type`, items.type ?? '', `must be object if parent array's ${LIST_TYPE} is map`);
  }
  if (new Set(keys).size < keys.length) {
    errors.invalid(`${path}.${LIST_KEYS}`, keys, 'must not contain duplicate entries');
  }
  for (const key of new Set(keys)) checkKey(key, keys, items, path, errors);
}

function checkKey(key: string, keys: readonly string[], items: JsonSchema, path: string, errors: FieldErrors): void {
  const property = propertyOf(items, key);
  if (property === undefined) {
    errors.invalid(`${path}.${LIST_KEYS}`, keys, 'entries must all be names of item properties');
    return;
  }
  const at = `${path}.items.properties[${key}]`;
  if (property.type === 'array' || property.type === 'object') {
    errors.invalid(`${at}.type`, property.type, `must be a scalar type if parent array's ${LIST_TYPE} is map`);
  }
  if (property.default === undefined && items.required?.includes(key) !== true) {
    const why = `this property is in ${LIST_KEYS}, so it must have a default or be a required property`;
    errors.required(`${at}.default`, why);
  }
  if (property.nullable === true) {
    errors.forbidden(`${at}.nullable`, `this property is in ${LIST_KEYS}, so it cannot be nullable`);
  }
}
