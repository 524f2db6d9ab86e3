/** Reads the published discovery documents: which resources each group and version serves. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GoPackageSource } from './sources.ts';

export interface DiscoveredResource {
  /** `pods`, `pods/status`. */
  readonly name: string;
  readonly kind: string;
  readonly namespaced: boolean;
  readonly singularName: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  /** Group and version of the kind where they differ from the resource's. */
  readonly group?: string;
  readonly version?: string;
  readonly storageVersionHash?: string;
  /** DELETE answers with the object, not with a Status. */
  readonly returnsDeleted?: boolean;
}

/** Resources of a group and version in the document's order; none for a package that is not served. */
export function readDiscovery(kubernetesDir: string, source: GoPackageSource): readonly DiscoveredResource[] {
  if (['meta/v1', 'version', 'admission/v1', 'apidiscovery/v2'].includes(source.id)) return [];
  const name = source.group === '' ? `api__${source.version}` : `apis__${source.group}__${source.version}`;
  const text = readFileSync(join(kubernetesDir, 'api/discovery', `${name}.json`), 'utf8');
  const { resources } = JSON.parse(text) as { resources: DiscoveredResource[] };
  const returning = readReturningDeleted(kubernetesDir, source);
  return resources.map((resource) => ({ ...resource, returnsDeleted: returning.has(resource.name) }));
}

interface Swagger {
  readonly definitions: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly paths: Readonly<
    Record<
      string,
      { readonly delete?: { readonly responses: { readonly 200: { readonly schema: { readonly $ref: string } } } } }
    >
  >;
}

function readSwagger(kubernetesDir: string): Swagger {
  return JSON.parse(readFileSync(join(kubernetesDir, 'api/openapi-spec/swagger.json'), 'utf8')) as Swagger;
}

function readReturningDeleted(kubernetesDir: string, { group, version }: GoPackageSource): ReadonlySet<string> {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const names = Object.entries(readSwagger(kubernetesDir).paths).map(([path, item]) => {
    const match = path.startsWith(`${root}/`)
      ? /^\/(?:namespaces\/\{namespace\}\/)?([a-z]+)\/\{name\}$/.exec(path.slice(root.length))
      : null;
    const answer = item.delete?.responses[200].schema.$ref;
    return answer === undefined || answer.endsWith('.Status') ? undefined : match?.[1];
  });
  return new Set(names.filter((name) => name !== undefined));
}

/** x-kubernetes-unions by definition name: the only fact that Go's types do not say. */
export function readUnions(kubernetesDir: string): ReadonlyMap<string, unknown> {
  const { definitions } = readSwagger(kubernetesDir);
  const unions = Object.entries(definitions).map(([name, d]) => [name, d['x-kubernetes-unions']] as const);
  return new Map(unions.filter(([, value]) => value !== undefined));
}
