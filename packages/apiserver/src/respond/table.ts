/** meta.k8s.io/v1 Table from a definition's columns. Source: kubernetes pkg/printers, apiserver/pkg/endpoints/handlers/response.go. */
import type { UnknownObject } from '@kapella/api';
import { errors } from '@kapella/base';
import type { ResourceType } from '../registry/resource-type.ts';
import type { Column } from '../resource.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object?: object;
}

/** Throws BadRequest. */
export function parseIncludeObject(text: string | null): IncludeObject {
  if (text === null || text === '') return 'Metadata';
  if (text === 'None' || text === 'Metadata' || text === 'Object') return text;
  throw errors.badRequest(`unrecognized includeObject value: ${JSON.stringify(text)}`);
}

export function columnDefinitions({ definition }: ResourceType): readonly object[] {
  return definition.columns.map((column: Column<unknown>, i: number) => ({
    name: column.name,
    type: column.type ?? 'string',
    format: column.format ?? (i === 0 ? 'name' : ''),
    description: column.description ?? '',
    priority: column.wide === true ? 1 : 0,
  }));
}

export function tableRow(type: ResourceType, object: UnknownObject, include: IncludeObject, nowMs: number): TableRow {
  const cells = type.definition.columns.map((column: Column<unknown>) => column.value(object, nowMs) ?? null);
  if (include === 'None') return { cells };
  return { cells, object: include === 'Object' ? object : partialOf(object) };
}

/** `withColumns`: watches describe the columns in their first frame only. */
export function tableOf(type: ResourceType, rows: readonly TableRow[], metadata: object, withColumns = true): object {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: withColumns ? columnDefinitions(type) : null,
    rows,
  };
}

export function partialOf(object: UnknownObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}
