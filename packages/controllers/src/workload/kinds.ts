/** Finds kinds by name: the built-in ones, else those of custom resource definitions. */
import * as api from '@kapella/api';
import { apiextensionsV1, type KindRef } from '@kapella/api';
import type { Cache } from '@kapella/client';

export interface KindQuery {
  readonly group: string;
  /** One of the two. */
  readonly kind?: string;
  readonly plural?: string;
}

/** CustomResourceDefinitions must be among what the caller's controller reads. */
export function findKind(cache: Cache, query: KindQuery): KindRef<unknown> | undefined {
  const { group, kind, plural } = query;
  const isIt = (ref: { readonly kind: string; readonly plural: string }) => ref.kind === kind || ref.plural === plural;
  const builtIn = builtInKinds().find((ref) => ref.group === group && isIt(ref));
  if (builtIn !== undefined) return builtIn;
  for (const { spec } of cache.list(apiextensionsV1.CustomResourceDefinition)) {
    const version = spec.versions.find((candidate) => candidate.served);
    if (spec.group !== group || !isIt(spec.names) || version === undefined) continue;
    return {
      group,
      version: version.name,
      kind: spec.names.kind,
      plural: spec.names.plural,
      namespaced: spec.scope === 'Namespaced',
    };
  }
  return undefined;
}

function builtInKinds(): KindRef<unknown>[] {
  const isKind = (value: unknown): value is KindRef<unknown> =>
    typeof value === 'object' && value !== null && 'plural' in value && 'namespaced' in value;
  const tables = Object.entries(api).filter(([name]) => /V\d+$/.test(name));
  return tables.flatMap(([, table]) => Object.values(table as object).filter(isKind));
}
