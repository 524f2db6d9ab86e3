/**
 * Which kinds a policy's rules name, and the types of their objects, from discovery and OpenAPI.
 * Source: apiserver/pkg/cel/openapi/resolver and admission/plugin/policy/validating/typechecking.go.
 */
import type { JsonSchema } from '@kapella/api';
import type { Rule } from '@kapella/api/types/admissionregistration-v1';
import { type Ctx, isReason } from '@kapella/base';
import { type CelType, typeOfSchema } from '@kapella/cel';
import type { Client } from '@kapella/client';

/** More are not looked at. */
const KINDS_MAX = 10;
const REFERENCE = '#/components/schemas/';

export interface Gvk {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

export interface TypedKind extends Gvk {
  /** undefined: nothing is known of its objects. */
  readonly type: CelType | undefined;
}

interface OpenApiDocument {
  readonly components?: { readonly schemas?: Readonly<Record<string, OpenApiSchema>> };
}

type OpenApiSchema = JsonSchema & {
  readonly $ref?: string;
  readonly 'x-kubernetes-group-version-kind'?: readonly Gvk[];
};

/** What the server says of its kinds, asked once each. */
export class KindSource {
  readonly #client: Client;
  readonly #ctx: Ctx;
  readonly #answers = new Map<string, Promise<unknown>>();

  constructor(client: Client, ctx: Ctx) {
    this.#client = client;
    this.#ctx = ctx;
  }

  /** In the order of group, version and kind; those that exist and whose schema is known. */
  async kindsOf(rules: readonly Rule[]): Promise<readonly TypedKind[]> {
    const found = new Map<string, Gvk>();
    for (const rule of rules) {
      for (const { group, version, resource } of resourcesOf(rule)) {
        if (found.size >= KINDS_MAX) break;
        const kind = await this.#kindOf(group, version, resource);
        if (kind !== undefined) found.set(JSON.stringify([group, version, kind]), { group, version, kind });
      }
    }
    const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
    const sorted = [...found.values()].sort(
      (a, b) => order(a.group, b.group) || order(a.version, b.version) || order(a.kind, b.kind),
    );
    const typed = await Promise.all(sorted.map(async (gvk) => ({ ...gvk, type: await this.typeOf(gvk) })));
    return typed.filter(({ type }) => type !== undefined);
  }

  async typeOf(gvk: Gvk): Promise<CelType | undefined> {
    const document = await this.#ask<OpenApiDocument>(`/openapi/v3${pathOf(gvk)}`);
    const schemas = document?.components?.schemas ?? {};
    const root = Object.values(schemas).find((schema) =>
      schema['x-kubernetes-group-version-kind']?.some(
        ({ group, version, kind }) => group === gvk.group && version === gvk.version && kind === gvk.kind,
      ),
    );
    if (root === undefined) return undefined;
    const schema = inlined(root, schemas);
    const hasMetadata = schema.properties?.metadata?.properties?.name !== undefined;
    return typeOfSchema(schema, gvk.kind, !hasMetadata);
  }

  async #kindOf(group: string, version: string, resource: string): Promise<string | undefined> {
    interface ResourceList {
      readonly resources?: readonly { readonly name: string; readonly kind: string }[];
    }
    const list = await this.#ask<ResourceList>(`/${pathOf({ group, version })}`.replace('//', '/'));
    return list?.resources?.find(({ name }) => name === resource)?.kind;
  }

  /** undefined: there is no such group, version or document. */
  #ask<T>(path: string): Promise<T | undefined> {
    let answer = this.#answers.get(path) as Promise<T | undefined> | undefined;
    if (answer === undefined) {
      answer = this.#client.request<T>('GET', path, {}, this.#ctx).catch((error: unknown) => {
        if (isReason(error, 'NotFound') || isReason(error, 'ServiceUnavailable')) return undefined;
        throw error;
      });
      this.#answers.set(path, answer);
    }
    return answer;
  }
}

const pathOf = ({ group, version }: { readonly group: string; readonly version: string }): string =>
  group === '' ? `/api/${version}` : `/apis/${group}/${version}`;

/** Rules with wildcards name no kinds; subresources have none that counts. */
function resourcesOf({ apiGroups = [], apiVersions = [], resources = [] }: Rule) {
  const isWild = (name: string) => name.includes('*');
  if (apiGroups.some(isWild) || apiVersions.some(isWild)) return [];
  const plain = resources.filter((name) => !isWild(name) && !name.includes('/')).sort();
  return apiGroups
    .toSorted()
    .flatMap((group) =>
      apiVersions.toSorted().flatMap((version) => plain.map((resource) => ({ group, version, resource }))),
    );
}

/** The schema with what it refers to in place; what refers to itself is open there. */
export function inlined(
  schema: OpenApiSchema,
  schemas: Readonly<Record<string, OpenApiSchema>>,
  within: ReadonlySet<string> = new Set(),
): JsonSchema {
  const reference = schema.$ref ?? onlyReference(schema);
  if (reference !== undefined) {
    const name = reference.slice(REFERENCE.length);
    const target = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
    if (target === undefined || within.has(name)) return { 'x-kubernetes-preserve-unknown-fields': true };
    return inlined(target, schemas, new Set([...within, name]));
  }
  const child = (one: unknown) => inlined(one as OpenApiSchema, schemas, within);
  const { properties, items, additionalProperties, format } = schema;
  // Built-in kinds say it by the format alone.
  if (format === 'int-or-string') return { 'x-kubernetes-int-or-string': true };
  const type = schema.type ?? (isQuantity(schema) ? 'string' : undefined);
  return {
    ...schema,
    ...(type && { type }),
    ...(properties && {
      properties: Object.fromEntries(Object.entries(properties).map(([name, one]) => [name, child(one)])),
    }),
    ...(isObject(items) && { items: child(items) }),
    ...(isObject(additionalProperties) && { additionalProperties: child(additionalProperties) }),
  };
}

/** Quantities may be written as numbers; they are read as strings. */
function isQuantity({ oneOf = [] }: OpenApiSchema): boolean {
  return (
    oneOf.length === 2 && oneOf.some(({ type }) => type === 'string') && oneOf.some(({ type }) => type === 'number')
  );
}

/** References with a default or description beside them are written `allOf: [{$ref}]`. */
function onlyReference({ allOf }: OpenApiSchema): string | undefined {
  const [first, ...others] = (allOf ?? []) as readonly OpenApiSchema[];
  return others.length === 0 ? first?.$ref : undefined;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
