/** meta.k8s.io/v1 Table from a definition's columns. Source: kubernetes pkg/printers, apiserver/pkg/endpoints/handlers/response.go. */
import type { UnknownObject } from '@kapella/api';
import { errors } from '@kapella/base';
import type { ResourceType } from '../registry/resource-type.ts';
import type { Column } from '../resource.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object: object | null;
}

/** Throws BadRequest. */
export function parseIncludeObject(text: string | null): IncludeObject {
  if (text === null || text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  const why = `includeObject: Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`;
  throw errors.badRequest(`Unable to convert to Table as requested: ${why}`);
}

export function columnDefinitions({ definition }: ResourceType): readonly object[] {
  return definition.columns.map((column: Column<unknown>) => ({
    name: column.name,
    type: column.type ?? 'string',
    format: column.format ?? (column.name === 'Name' ? 'name' : ''),
    description: column.description ?? '',
    priority: column.priority ?? (column.wide === true ? 1 : 0),
  }));
}

export function tableRow(
  type: ResourceType,
  object: UnknownObject,
  include: IncludeObject,
  nowMs: number,
  isBeta = false,
): TableRow {
  const cells = type.definition.columns.map((column: Column<unknown>) => column.value(object, nowMs) ?? null);
  if (include === 'None') return { cells, object: null };
  return { cells, object: include === 'Object' ? object : partialOf(object, isBeta) };
}

/** `withColumns`: watches describe the columns in their first frame only. */
export function tableOf(
  type: ResourceType,
  rows: readonly TableRow[],
  metadata: object,
  { withColumns = true, isBeta = false }: { readonly withColumns?: boolean; readonly isBeta?: boolean } = {},
): object {
  return {
    kind: 'Table',
    apiVersion: metaVersion(isBeta),
    metadata,
    columnDefinitions: withColumns ? columnDefinitions(type) : null,
    rows: rows.length === 0 && isPlain(type) ? null : rows,
  };
}

export function partialOf(object: UnknownObject, isBeta = false): object {
  return { kind: 'PartialObjectMetadata', apiVersion: metaVersion(isBeta), metadata: object.metadata };
}

export const metaVersion = (isBeta: boolean): string => (isBeta ? 'meta.k8s.io/v1beta1' : 'meta.k8s.io/v1');

/** Kinds without columns of their own, whose lists upstream makes in another way. */
const isPlain = ({ definition: { columns } }: ResourceType): boolean =>
  columns.length === 2 && columns[1]?.name === 'Created At';
