/** What the documents need to know of a served resource. Built-in ones are ResourceFacts as they are. */
import type { BuiltInTypeFacts, ResourceFact, SubresourceFact } from '../facts/index.ts';
import { publishedSchema } from './custom-schema.ts';
import type { Json, SchemaBuilder } from './schemas.ts';

export interface OpenApiResource extends Omit<ResourceFact, 'subresources'> {
  readonly subresources: readonly SubresourceFact[];
  /** Of a custom resource: the schema of its objects, as OpenAPI has it. Built-in ones have theirs in the facts. */
  readonly schema?: Json;
  /** Of a custom resource; `<kind>List` when absent. */
  readonly listKind?: string;
}

/** Built-in kinds whose texts about metadata serve for all. */
const LIKE = 'core/v1.Namespace';
const LIKE_LIST = 'core/v1.NamespaceList';

/** References to the schemas of one resource. */
export interface ResourceSchemas {
  readonly object: Json;
  /** Undefined for a resource that is not listed. */
  readonly list: Json | undefined;
}

export function addResourceSchemas(
  builder: SchemaBuilder,
  resource: OpenApiResource,
  facts: BuiltInTypeFacts,
): ResourceSchemas {
  if (resource.schema !== undefined) return addCustom(builder, resource, resource.schema);
  const typeId = facts.typeIdOf(resource);
  if (typeId === undefined)
    throw new Error(`no facts about the kind ${resource.kind} of ${resource.group}/${resource.version}`);
  const listId = facts.typeIdOf({ ...resource, kind: `${resource.kind}List` });
  return {
    object: builder.reference(typeId),
    list: resource.verbs.includes('list') && listId !== undefined ? builder.reference(listId) : undefined,
  };
}

function addCustom(builder: SchemaBuilder, resource: OpenApiResource, schema: Json): ResourceSchemas {
  const { group, version, kind, plural } = resource;
  const listKind = resource.listKind ?? `${kind}List`;
  const prefix = `${group.split('.').reverse().join('.')}.${version}`;
  const typeMeta = { apiVersion: builder.text(LIKE, 'apiVersion'), kind: builder.text(LIKE, 'kind') };
  const published = publishedSchema(schema, builder.version);
  const metadata = builder.referenceLike('meta/v1.ObjectMeta', LIKE, 'metadata');
  const properties = { ...((published?.['properties'] ?? {}) as Json), ...typeMeta, metadata };
  builder.add(`${prefix}.${kind}`, {
    ...(published === undefined ? { type: 'object' } : { ...published, properties }),
    'x-kubernetes-group-version-kind': [{ group, kind, version }],
  });
  const object = builder.referenceTo(`${prefix}.${kind}`);
  const items = { type: 'array', items: object, description: `List of ${plural}` };
  builder.add(`${prefix}.${listKind}`, {
    description: `${listKind} is a list of ${kind}`,
    properties: { ...typeMeta, items, metadata: builder.referenceLike('meta/v1.ListMeta', LIKE_LIST, 'metadata') },
    required: ['items'],
    type: 'object',
    'x-kubernetes-group-version-kind': [{ group, kind: listKind, version }],
  });
  return { object, list: builder.referenceTo(`${prefix}.${listKind}`) };
}
