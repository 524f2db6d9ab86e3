/** Printer columns of custom resources. Source: apiextensions-apiserver pkg/registry/customresource/tableconvertor. */
import type { UnknownObject } from '@kapella/api';
import type { CustomResourceColumnDefinition } from '@kapella/api/types/apiextensions-v1';
import type { Column } from '@kapella/apiserver';
import { parseTime, stringifyExactJson } from '@kapella/base';
import { nameColumn, sinceTime } from '@kapella/resources';
import { type JsonPath, parseJsonPath } from './json-path.ts';

type Cell = string | number | bigint | boolean | undefined;

const AGE: CustomResourceColumnDefinition = {
  name: 'Age',
  type: 'date',
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created.',
  jsonPath: '.metadata.creationTimestamp',
};

/** The name, then what the definition lists, or the age where it lists nothing. */
export function columnsOf(
  definitions: readonly CustomResourceColumnDefinition[] | undefined,
): readonly Column<UnknownObject>[] {
  const listed = definitions === undefined || definitions.length === 0 ? [AGE] : definitions;
  return [nameColumn<UnknownObject>(), ...listed.map(columnOf)];
}

function columnOf(definition: CustomResourceColumnDefinition): Column<UnknownObject> {
  const { name, type, format, description, priority = 0, jsonPath } = definition;
  const path: JsonPath = parseJsonPath(jsonPath);
  return {
    name,
    type: type as 'string',
    ...(format === undefined ? {} : { format }),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    ...(priority === 0 ? {} : { priority }),
    value: (object, nowMs) => cellOf(type, path(object)[0], nowMs),
  };
}

/** undefined, printed as nothing, for a value that is not of the column's type. */
function cellOf(type: string, value: unknown, nowMs: number): Cell {
  if (value === undefined || value === null) return undefined;
  switch (type) {
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : numberIn(value);
    case 'number':
      return numberIn(value);
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'date':
      return typeof value === 'string' && parseTime(value) !== undefined ? sinceTime(value, nowMs) : undefined;
    default:
      return typeof value === 'object' ? stringifyExactJson(value) : String(value);
  }
}

const numberIn = (value: unknown) => (typeof value === 'number' || typeof value === 'bigint' ? value : undefined);
