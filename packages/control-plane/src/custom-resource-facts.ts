/** What discovery and OpenAPI say of the custom resources that are served now. */
import type { OpenApiResource } from '@kapella/api';
import type { Registry, ResourceType } from '@kapella/apiserver';
import { contentHash } from './content-hash.ts';

/** In the order in which upstream's discovery lists them. Source: apiextensions-apiserver customresource_discovery_controller.go. */
const VERBS = ['delete', 'deletecollection', 'get', 'list', 'patch', 'create', 'update', 'watch'] as const;
const encoder = new TextEncoder();

/** By group, then version, as upstream orders what came later. */
export function customResourceFacts(registry: Registry): readonly OpenApiResource[] {
  const served = registry.all().filter(({ definition, verbs }) => definition.schema !== undefined && verbs.size > 0);
  return served.map(factsOf).toSorted((a, b) => (a.group < b.group ? -1 : a.group > b.group ? 1 : 0));
}

function factsOf(type: ResourceType): OpenApiResource {
  const { group, version, kind, plural, singular, namespaced, definition, listKind, verbs } = type;
  const { short = [], categories = [] } = definition.names ?? {};
  return {
    ...{ group, version, kind, plural, singular, namespaced, listKind, categories },
    shortNames: short,
    verbs: VERBS.filter((verb) => verbs.has(verb)),
    storageVersionHash: storageVersionHash(type),
    returnsDeleted: false,
    subresources: subresourcesOf(type),
    ...(definition.schema === undefined ? {} : { schema: definition.schema }),
  };
}

function subresourcesOf({ group, version, kind, definition }: ResourceType): OpenApiResource['subresources'] {
  const { status, scale } = definition.subresources ?? {};
  const verbs = ['get', 'patch', 'update'];
  return [
    ...(status === undefined ? [] : [{ name: 'status', group, version, kind, verbs }]),
    ...(scale === undefined ? [] : [{ name: 'scale', group: 'autoscaling', version: 'v1', kind: 'Scale', verbs }]),
  ];
}

/** Equal for all versions of one kind while its storage version stays. */
function storageVersionHash({ group, storage, kind }: ResourceType): string {
  return contentHash(encoder.encode(`${group}/${storage?.version ?? ''}/${kind}`))
    .slice(0, 11)
    .concat('=');
}
