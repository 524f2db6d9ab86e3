/**
 * What extension servers say of their schemas: the hash of their documents of v3, and their part of v2.
 * Source: kube-aggregator pkg/controllers/{openapi,openapiv3}/aggregator.
 */
import type { APIService } from '@kapella/api/types/apiregistration-v1';
import type { HttpCaller, ServerAccess } from '@kapella/apiserver';
import type { Ctx } from '@kapella/base';
import { type Identity, targetFor } from './availability.ts';

const TIMEOUT_MS = 10_000;
const BYTES_MAX = 16 << 20;
/** Schemas change when the server behind does: seldom. */
const REFRESH_MS = 60_000;
const decoder = new TextDecoder();

type Json = Readonly<Record<string, unknown>>;

export interface RemoteSchemas {
  readonly group: string;
  readonly version: string;
  /** undefined: it has no document of v3. */
  readonly v3Hash: string | undefined;
  /** Paths of this group and version, and the definitions that they need. */
  readonly v2: { readonly paths: Json; readonly definitions: Json };
}

interface Known {
  readonly schemas: RemoteSchemas;
  readonly atMs: number;
}

export class RemoteOpenApi {
  readonly #server: ServerAccess;
  readonly #caller: HttpCaller;
  readonly #identity: Identity;
  readonly #changed: () => void;
  readonly #known = new Map<string, Known>();

  constructor(server: ServerAccess, caller: HttpCaller, identity: Identity, changed: () => void) {
    this.#server = server;
    this.#caller = caller;
    this.#identity = identity;
    this.#changed = changed;
  }

  schemas(): readonly RemoteSchemas[] {
    return [...this.#known.values()].map(({ schemas }) => schemas);
  }

  forget(key: string): void {
    if (this.#known.delete(key)) this.#changed();
  }

  /** Asks again when what is known is old. Never rejects: a server without documents is served all the same. */
  async learn(service: APIService, ctx: Ctx): Promise<void> {
    const { group = '', version = '' } = service.spec;
    const key = `${group}/${version}`;
    const nowMs = ctx.clock.nowMs();
    const known = this.#known.get(key);
    if (known !== undefined && nowMs - known.atMs < REFRESH_MS) return;
    const [root, v2] = await Promise.all([
      this.#ask(service, '/openapi/v3', ctx),
      this.#ask(service, '/openapi/v2', ctx),
    ]);
    const schemas = { group, version, v3Hash: hashIn(root, `apis/${key}`), v2: partOf(v2, `/apis/${key}/`) };
    this.#known.set(key, { schemas, atMs: nowMs });
    if (JSON.stringify(known?.schemas) !== JSON.stringify(schemas)) this.#changed();
  }

  async #ask(service: APIService, path: string, ctx: Ctx): Promise<Json> {
    try {
      const target = await targetFor(service, this.#server, path);
      const tls = { ...target.tls, ...this.#identity, insecure: service.spec.insecureSkipTLSVerify === true };
      const headers = { accept: 'application/json', 'x-remote-user': 'system:aggregator' };
      const request = { ...target, tls, method: 'GET', headers, timeoutMs: TIMEOUT_MS, bytesMax: BYTES_MAX };
      const { status, body } = await this.#caller(request, ctx);
      const value: unknown = status === 200 ? JSON.parse(decoder.decode(body)) : {};
      return typeof value === 'object' && value !== null ? (value as Json) : {};
    } catch (error) {
      ctx.log.debug('extension server has no schemas', { path, error: String(error) });
      return {};
    }
  }
}

function hashIn(root: Json, path: string): string | undefined {
  const row = objectIn(objectIn(root, 'paths'), path);
  const url = row['serverRelativeURL'];
  return typeof url === 'string' ? (/[?&]hash=([^&]*)/.exec(url)?.[1] ?? '') : undefined;
}

function objectIn(value: Json, key: string): Json {
  const found = Object.hasOwn(value, key) ? value[key] : undefined;
  return typeof found === 'object' && found !== null && !Array.isArray(found) ? (found as Json) : {};
}

const REFERENCE = '#/definitions/';

/** The paths below a prefix, and every definition that they lead to. Pure. */
export function partOf(document: Json, prefix: string): RemoteSchemas['v2'] {
  const own = Object.entries(objectIn(document, 'paths')).filter(([path]) => path.startsWith(prefix));
  const all = objectIn(document, 'definitions');
  const needed = new Set<string>();
  const visit = (value: unknown): void => {
    for (const name of referencesIn(value)) {
      if (needed.has(name) || !Object.hasOwn(all, name)) continue;
      needed.add(name);
      visit(all[name]);
    }
  };
  for (const [, item] of own) visit(item);
  const definitions = [...needed].sort().map((name) => [name, all[name]] as const);
  return { paths: Object.fromEntries(own), definitions: Object.fromEntries(definitions) };
}

function referencesIn(value: unknown): readonly string[] {
  const text = JSON.stringify(value) ?? '';
  return [...text.matchAll(/"\$ref":"#\/definitions\/([^"]+)"/g)].map(([, name]) => name as string);
}

/** The document with the parts of others. A definition of another meaning under one name is given a new one. Pure. */
export function mergeOpenApiV2(document: Json, parts: readonly RemoteSchemas[]): Json {
  if (parts.every(({ v2 }) => Object.keys(v2.paths).length === 0)) return document;
  const paths: Record<string, unknown> = { ...objectIn(document, 'paths') };
  const definitions: Record<string, unknown> = { ...objectIn(document, 'definitions') };
  for (const { v2 } of parts) {
    const renamed = renames(v2.definitions, definitions);
    const rewritten = (value: unknown): unknown => JSON.parse(withNames(JSON.stringify(value), renamed));
    for (const [name, schema] of Object.entries(v2.definitions)) {
      const next = renamed.get(name) ?? name;
      if (!Object.hasOwn(definitions, next)) definitions[next] = rewritten(schema);
    }
    for (const [path, item] of Object.entries(v2.paths)) {
      if (!Object.hasOwn(paths, path)) paths[path] = rewritten(item);
    }
  }
  return { ...document, paths, definitions };
}

function renames(given: Json, present: Json): ReadonlyMap<string, string> {
  const renamed = new Map<string, string>();
  for (const [name, schema] of Object.entries(given)) {
    if (!Object.hasOwn(present, name) || JSON.stringify(present[name]) === JSON.stringify(schema)) continue;
    let i = 2;
    while (Object.hasOwn(present, `${name}_v${i}`)) i++;
    renamed.set(name, `${name}_v${i}`);
  }
  return renamed;
}

function withNames(text: string, renamed: ReadonlyMap<string, string>): string {
  if (renamed.size === 0) return text;
  return text.replace(/"#\/definitions\/([^"]+)"/g, (whole, name: string) => {
    const next = renamed.get(name);
    return next === undefined ? whole : `"${REFERENCE}${next}"`;
  });
}
