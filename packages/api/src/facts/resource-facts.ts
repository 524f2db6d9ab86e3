/** Facts about the built-in resources: what discovery says of them. Source: Kubernetes api/discovery. */
import { RESOURCE_LINES } from '../gen/resources.gen.ts';
import type { KindRef } from '../meta.ts';

export interface SubresourceFact {
  /** `status`, `scale`, `eviction`. */
  readonly name: string;
  /** Kind of its objects, with the group and version of that kind: `autoscaling`, `v1`, `Scale`. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

export interface ResourceFact extends KindRef<unknown> {
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  /** In discovery's order: alphabetical. */
  readonly verbs: readonly string[];
  /** '' for a resource that is not stored. */
  readonly storageVersionHash: string;
  /** DELETE answers with the deleted object; others answer with a Status. */
  readonly returnsDeleted: boolean;
  readonly subresources: readonly SubresourceFact[];
}

/** All built-in resources, core group first, each group's in discovery's order. */
export function createResourceFacts(): readonly ResourceFact[] {
  const resources: ResourceFact[] = [];
  const subresources = new Map<string, SubresourceFact[]>();
  const rows = RESOURCE_LINES.map((line) => line.split('\t'));
  for (const cells of rows) {
    const [group = '', version = '', name = '', , kind = '', , verbs = '', , , , kindVersion = ''] = cells;
    const slash = name.indexOf('/');
    const parent = `${group}/${version}/${slash < 0 ? name : name.slice(0, slash)}`;
    if (slash < 0) {
      const own: SubresourceFact[] = subresources.get(parent) ?? [];
      subresources.set(parent, own);
      resources.push(resourceOf(cells, own));
      continue;
    }
    const [kindGroup = group, kindVersionName = version] = kindVersion === '' ? [] : kindVersion.split('/');
    const own = subresources.get(parent) ?? [];
    subresources.set(parent, own);
    own.push({ name: name.slice(slash + 1), group: kindGroup, version: kindVersionName, kind, verbs: listOf(verbs) });
  }
  return resources;
}

function resourceOf(cells: readonly string[], subresources: readonly SubresourceFact[]): ResourceFact {
  const [
    group = '',
    version = '',
    plural = '',
    singular = '',
    kind = '',
    scope,
    verbs = '',
    short = '',
    categories = '',
    storageVersionHash = '',
    ,
    answer,
  ] = cells;
  return {
    group,
    version,
    kind,
    plural,
    namespaced: scope === 'N',
    singular,
    shortNames: listOf(short),
    categories: listOf(categories),
    verbs: listOf(verbs),
    storageVersionHash,
    returnsDeleted: answer === 'O',
    subresources,
  };
}

function listOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(',');
}
