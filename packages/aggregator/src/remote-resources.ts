/** What an extension server says it serves, in the form that discovery documents are made from. */
import type { OpenApiResource } from '@kapella/api';

/** A row of meta/v1 APIResourceList. */
export interface RemoteResource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly kind: string;
  readonly group?: string;
  readonly version?: string;
  readonly verbs?: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly storageVersionHash?: string;
}

export function remoteResources(
  group: string,
  version: string,
  rows: readonly RemoteResource[],
): readonly OpenApiResource[] {
  return rows
    .filter(({ name }) => !name.includes('/'))
    .map((row) => ({
      group,
      version,
      kind: row.kind,
      plural: row.name,
      singular: row.singularName ?? '',
      namespaced: row.namespaced === true,
      shortNames: row.shortNames ?? [],
      categories: row.categories ?? [],
      verbs: row.verbs ?? [],
      storageVersionHash: row.storageVersionHash ?? '',
      returnsDeleted: false,
      subresources: rows
        .filter(({ name }) => name.startsWith(`${row.name}/`))
        .map((sub) => ({
          name: sub.name.slice(row.name.length + 1),
          group: sub.group ?? group,
          version: sub.version ?? version,
          kind: sub.kind,
          verbs: sub.verbs ?? [],
        })),
    }));
}
