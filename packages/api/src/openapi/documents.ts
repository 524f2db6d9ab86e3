/** OpenAPI v2 and v3 documents of the served resources. Source: kube-openapi pkg/builder and pkg/builder3. */
import type { BuiltInTypeFacts } from '../facts/index.ts';
import type { Operation, Parameter, Path } from './operations.ts';
import { capital, groupTag, groupVersionPath, pathsOf } from './operations.ts';
import type { OpenApiResource } from './resource.ts';
import type { Descriptions, Json, OpenApiVersion } from './schemas.ts';
import { SchemaBuilder } from './schemas.ts';

export interface OpenApiOptions {
  readonly facts: BuiltInTypeFacts;
  readonly descriptions?: Descriptions;
  /** `v1.36.0`; upstream's served documents say the server's version. */
  readonly serverVersion?: string;
}

const MEDIA_TYPES = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const STREAM_TYPES = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];
const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const RESPONSES: ReadonlyMap<number, string> = new Map([
  [200, 'OK'],
  [201, 'Created'],
  [202, 'Accepted'],
]);
const SECURITY = {
  BearerToken: { description: 'Bearer Token authentication', in: 'header', name: 'authorization', type: 'apiKey' },
};

/** The document of one group and version, `/openapi/v3/apis/apps/v1`. Resources of others are left out. */
export function buildOpenApiV3(
  groupVersion: { readonly group: string; readonly version: string },
  resources: readonly OpenApiResource[],
  options: OpenApiOptions,
): Json {
  const own = resources.filter((r) => r.group === groupVersion.group && r.version === groupVersion.version);
  const builder = new SchemaBuilder('v3', options.facts, withoutCore([groupVersion]), options.descriptions);
  const paths = collectPaths([groupVersion], own, builder, options.facts);
  return {
    openapi: '3.0.0',
    info: infoOf(options),
    paths: Object.fromEntries(paths.map(({ path, item }) => [path, renderPath(item, 'v3')])),
    components: { schemas: builder.sorted(), securitySchemes: SECURITY },
  };
}

/** The document of everything, `/openapi/v2`. */
export function buildOpenApiV2(resources: readonly OpenApiResource[], options: OpenApiOptions): Json {
  const seen = new Map(resources.map(({ group, version }) => [`${group}/${version}`, { group, version }]));
  const groupVersions = [...seen.values()];
  const builder = new SchemaBuilder('v2', options.facts, withoutCore(groupVersions), options.descriptions);
  const paths = collectPaths(groupVersions, resources, builder, options.facts);
  return {
    swagger: '2.0',
    info: infoOf(options),
    paths: Object.fromEntries(paths.map(({ path, item }) => [path, renderPath(item, 'v2')])),
    definitions: builder.sorted(),
    securityDefinitions: SECURITY,
    security: [{ BearerToken: [] }],
  };
}

/** `/openapi/v3`: where the documents are. `hash` changes when the document does: clients cache by it. */
export function buildOpenApiV3Root(
  documents: readonly { readonly group: string; readonly version: string; readonly hash: string }[],
): Json {
  const rows = documents.map((document) => {
    const path = groupVersionPath(document).slice(1);
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${document.hash}` }] as const;
  });
  return { paths: Object.fromEntries(rows) };
}

function withoutCore<T extends { readonly group: string }>(groupVersions: readonly T[]): readonly T[] {
  return groupVersions.filter(({ group }) => group !== '');
}

function infoOf({ serverVersion = 'v1.36.0' }: OpenApiOptions): Json {
  return { title: 'Kubernetes', version: serverVersion };
}

interface TaggedPath {
  readonly path: string;
  readonly item: Path & { readonly tag: string };
}

function collectPaths(
  groupVersions: readonly { readonly group: string; readonly version: string }[],
  resources: readonly OpenApiResource[],
  builder: SchemaBuilder,
  facts: BuiltInTypeFacts,
): readonly TaggedPath[] {
  const roots = groupVersions.map((gv) => {
    const path = `${groupVersionPath(gv)}/`;
    return { path, item: { ...rootPath(path, gv, builder), tag: tagOf(gv) } };
  });
  const all = resources.flatMap((resource) =>
    pathsOf(resource, builder, facts).map((item) => ({ path: item.path, item: { ...item, tag: tagOf(resource) } })),
  );
  return [...roots, ...all].sort((a, b) => (a.path < b.path ? -1 : 1));
}

function tagOf({ group, version }: { readonly group: string; readonly version: string }): string {
  return `${groupTag(group)}_${version}`;
}

function rootPath(
  path: string,
  gv: { readonly group: string; readonly version: string },
  builder: SchemaBuilder,
): Path {
  const tag = groupTag(gv.group);
  const operationId = `get${capital(tag)}${capital(gv.version)}APIResources`;
  const answer = builder.reference('meta/v1.APIResourceList');
  const kind = { ...gv, kind: '' };
  const operation: Operation = {
    method: 'get',
    action: '',
    operationId,
    query: [],
    answer,
    codes: [],
    streams: false,
    kind,
  };
  return { path, parameters: [], operations: [operation] };
}

function renderPath({ parameters, operations, tag }: TaggedPath['item'], version: OpenApiVersion): Json {
  const rows = operations.map((o) => [o.method, version === 'v2' ? renderV2(o, tag) : renderV3(o, tag)] as const);
  const shared = parameters.map((p) => renderParameter(p, version));
  return { ...Object.fromEntries(rows), ...(shared.length === 0 ? {} : { parameters: shared }) };
}

function renderParameter({ name, in: place, type }: Parameter, version: OpenApiVersion): Json {
  const required = place === 'path' ? { required: true } : {};
  if (version === 'v2') return { name, in: place, ...required, type, uniqueItems: true };
  return { name, in: place, ...required, schema: { type, uniqueItems: true } };
}

function extensionsOf({ action, kind }: Operation): Json {
  if (action === '') return {};
  return { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': kind };
}

function producedBy(operation: Operation): readonly string[] {
  if (operation.answer === undefined) return operation.action === 'connect' ? ['*/*'] : ['text/plain', ...MEDIA_TYPES];
  return operation.streams ? [...MEDIA_TYPES, ...STREAM_TYPES] : MEDIA_TYPES;
}

/** Source: apiextensions-apiserver pkg/controller/openapi/builder: custom resources have three kinds of patch. */
function consumedBy({ action, isCustom }: Operation): readonly string[] {
  if (action !== 'patch') return ['*/*'];
  return isCustom === true ? PATCH_TYPES.filter((type) => !type.includes('strategic')) : PATCH_TYPES;
}

function renderV2(operation: Operation, tag: string): Json {
  const schema = operation.answer ?? { type: 'string' };
  const { body, bodyRequired, query } = operation;
  const bodyParameter = { name: 'body', in: 'body', ...(bodyRequired ? { required: true } : {}), schema: body };
  const parameters = [...(body === undefined ? [] : [bodyParameter]), ...query.map((p) => renderParameter(p, 'v2'))];
  const responses = [200, ...operation.codes].map(
    (code) => [String(code), { description: RESPONSES.get(code), schema }] as const,
  );
  return {
    consumes: consumedBy(operation),
    operationId: operation.operationId,
    ...(parameters.length === 0 ? {} : { parameters }),
    produces: producedBy(operation),
    responses: { ...Object.fromEntries(responses), 401: { description: 'Unauthorized' } },
    schemes: ['https'],
    tags: [tag],
    ...extensionsOf(operation),
  };
}

function renderV3(operation: Operation, tag: string): Json {
  const schema = operation.answer ?? { type: 'string' };
  const content = Object.fromEntries(producedBy(operation).map((type) => [type, { schema }]));
  const responses = [200, ...operation.codes].map(
    (code) => [String(code), { description: RESPONSES.get(code), content }] as const,
  );
  const { body, bodyRequired, query } = operation;
  const consumed = consumedBy(operation);
  const bodyContent = Object.fromEntries(consumed.map((type) => [type, { schema: body }]));
  return {
    operationId: operation.operationId,
    ...(query.length === 0 ? {} : { parameters: query.map((p) => renderParameter(p, 'v3')) }),
    ...(body === undefined
      ? {}
      : { requestBody: { content: bodyContent, ...(bodyRequired ? { required: true } : {}) } }),
    responses: { ...Object.fromEntries(responses), 401: { description: 'Unauthorized' } },
    tags: [tag],
    ...extensionsOf(operation),
  };
}
