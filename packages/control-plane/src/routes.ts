/** Everything of a server that is no resource: discovery, OpenAPI, version, health, metrics, OpenID. */
import {
  aggregatedDiscoveryDocument,
  apiGroupDocument,
  apiGroupListDocument,
  apiResourceListDocument,
  apiVersionsDocument,
  buildOpenApiV2,
  buildOpenApiV3,
  buildOpenApiV3Root,
  createResourceFacts,
  type Descriptions,
  type DiscoveryGroup,
  groupResources,
  type OpenApiResource,
  type PrioritiesOf,
} from '@kapella/api';
import {
  acceptsOpenApiV2Protobuf,
  type ApiServer,
  createMetricsRegistry,
  createNegotiator,
  createRoutes,
  encodeOpenApiV2,
  methodNotAllowed,
  OPENAPI_V2_PROTOBUF,
  type NonResourceRoutes,
  type RouteHandler,
  type RouteRequest,
  respondValue,
} from '@kapella/apiserver';
import { mergeOpenApiV2, type RemoteSchemas } from '@kapella/aggregator';
import { ApiError } from '@kapella/base';
import type { ApiResponse } from '@kapella/client';
import { contentHash } from './content-hash.ts';
import { customResourceFacts } from './custom-resource-facts.ts';
import { KUBERNETES_VERSION } from './version.ts';
import { debugRoutes, type Profiler } from './debug.ts';
import { healthCheckPaths, healthCheckRoutes, healthRoutes } from './health.ts';

const encoder = new TextEncoder();
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
/** Source: kubernetes pkg/routes/openidmetadata.go. */
const OPENID_CACHE = 'public, max-age=3600';
const AGGREGATED_TYPE = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

export interface RouteOptions {
  /** `127.0.0.1:6443`, as `/api` tells clients. */
  readonly serverAddress: string;
  /** What `/openid/v1/jwks` shows, and who signs. */
  readonly tokens: { readonly issuer: string; readonly algorithms: readonly string[]; jwks(): object };
  /** Where OpenID clients find the keys, if not here. */
  readonly jwksUri?: string | undefined;
  /** Texts of `kubectl explain`; undefined where the build left them out. Asked once, when first needed. */
  readonly descriptions: () => Promise<Descriptions | undefined>;
  /** What the host can tell of the running process; without it there is no /debug/pprof. */
  readonly profiler?: Profiler | undefined;
  /** Shown under /configz. */
  readonly configuration?: object;
  /** What other servers serve behind this one; it may come later than the routes. */
  readonly remote?: () => RemoteSource | undefined;
}

export interface RemoteSource {
  resources(): readonly OpenApiResource[];
  /** What other servers say of their schemas; their documents of v3 are asked of them. */
  schemas(): readonly RemoteSchemas[];
  prioritiesOf: PrioritiesOf;
  readonly generation: number;
}

export function standardRoutes(api: ApiServer, options: RouteOptions): NonResourceRoutes {
  const slis = createMetricsRegistry();
  const documents = new Documents(api, options.descriptions, options.remote ?? (() => undefined));
  const exact = new Map<string, RouteHandler>([
    ...healthRoutes(api, slis),
    ...debugRoutes(api, options.profiler),
    ['/version', ({ request }) => (request.method === 'GET' ? json(versionDocument()) : notAllowed())],
    ['/metrics', () => text(api.metrics.text(), METRICS_TYPE)],
    ['/metrics/slis', () => text(slis.text(), METRICS_TYPE)],
    ['/configz', () => json(options.configuration ?? {})],
    [
      '/api',
      (request) => documents.aggregated(request, true) ?? shown(request, apiVersionsDocument(options.serverAddress)),
    ],
    [
      '/apis',
      (request) => documents.aggregated(request, false) ?? shown(request, apiGroupListDocument(documents.groups())),
    ],
    ['/openapi/v2', ({ request }) => documents.openApiV2(request.headers['accept'] ?? '')],
    ['/openapi/v3', () => documents.openApiV3Root()],
    ['/openid/v1/jwks', () => json(options.tokens.jwks(), 'application/jwk-set+json', OPENID_CACHE)],
    ['/.well-known/openid-configuration', () => json(openIdDocument(options), undefined, OPENID_CACHE)],
  ]);
  const routes: NonResourceRoutes = createRoutes(exact, [
    ...healthCheckRoutes(api),
    ['/openapi/v3/', ({ info }) => documents.openApiV3(info.path.slice('/openapi/v3/'.length))],
    ['/apis/', (request) => shownOr404(request, documents.group(request.info.parts.slice(1)))],
    ['/api/', (request) => shownOr404(request, documents.group(['', ...request.info.parts.slice(1)]))],
  ]);
  // As upstream: a built-in group says that it has no such resource, other paths say nothing.
  const shownOr404 = (request: RouteRequest, document: object | undefined): ApiResponse | undefined => {
    if (document !== undefined) return shown(request, document);
    const group = request.info.parts[0] === 'api' ? '' : (request.info.parts[1] ?? '');
    if (!api.registry.all().some((type) => type.group === group && !type.custom)) return undefined;
    throw new ApiError('NotFound', 'the server could not find the requested resource', { details: {} });
  };
  const negotiator = createNegotiator();
  const shown = ({ request, query }: RouteRequest, document: object): ApiResponse => {
    if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
    const media = negotiator.choose(request.headers.accept, query, { protobuf: true, forms: 'none' });
    // JSON of the oldest documents goes without.
    const value = media.encoding === 'protobuf' ? { apiVersion: 'v1', ...document } : document;
    return respondValue(api.core.codecs, 200, media, value);
  };
  exact.set('/', () => json({ paths: indexOf(routes, documents, api) }));
  return routes;
}

/** What there is to see here; debugging aside, as upstream. */
function indexOf(routes: NonResourceRoutes, documents: Documents, api: ApiServer): string[] {
  const groups = documents.groups().flatMap(({ group, versions }) => {
    const root = group === '' ? '/api' : `/apis/${group}`;
    return [root, ...versions.map(({ version }) => `${root}/${version}`)];
  });
  const own = routes.paths().filter((path) => path !== '/' && !path.startsWith('/debug/') && path !== '/configz');
  return [...new Set([...own, ...groups, ...healthCheckPaths(api)])].sort();
}

function notAllowed(): never {
  throw methodNotAllowed();
}

function versionDocument() {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) ?? [];
  return {
    major,
    minor,
    emulationMajor: major,
    emulationMinor: minor,
    minCompatibilityMajor: major,
    minCompatibilityMinor: String(Number(minor) - 1),
    gitVersion: KUBERNETES_VERSION,
    gitCommit: '',
    gitTreeState: 'clean',
    buildDate: '2026-11-23T00:00:00Z',
    goVersion: 'none',
    compiler: 'typescript',
    platform: 'linux/amd64',
  };
}

function openIdDocument({ tokens, serverAddress, jwksUri }: RouteOptions) {
  return {
    issuer: tokens.issuer,
    jwks_uri: jwksUri ?? `https://${serverAddress}/openid/v1/jwks`,
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: tokens.algorithms,
  };
}

/** Documents made when first asked for, good until a resource comes or goes. */
class Documents {
  readonly #api: ApiServer;
  readonly #descriptions: RouteOptions['descriptions'];
  readonly #made = new Map<string, Promise<{ readonly bytes: Uint8Array; readonly hash: string }>>();
  readonly #remote: NonNullable<RouteOptions['remote']>;
  #generation = '';
  #resources: readonly OpenApiResource[] = [];
  /** With what is served elsewhere: discovery tells of it, and its own server describes it. */
  #all: readonly OpenApiResource[] = [];
  #groups: readonly DiscoveryGroup[] = [];

  constructor(api: ApiServer, descriptions: RouteOptions['descriptions'], remote: NonNullable<RouteOptions['remote']>) {
    this.#remote = remote;
    this.#api = api;
    this.#descriptions = descriptions;
  }

  groups(): readonly DiscoveryGroup[] {
    this.#refresh();
    return this.#groups;
  }

  aggregated({ request }: RouteRequest, core: boolean): Promise<ApiResponse> | undefined {
    const wanted = (request.headers['accept'] ?? '')
      .split(',')
      .some((type) => /as=APIGroupDiscoveryList/.test(type) && /v=v2(;|$|\s)/.test(type));
    if (!wanted) return undefined;
    const groups = () => this.groups().filter(({ group }) => (group === '') === core);
    return this.#serve(
      `aggregated ${core}`,
      () => aggregatedDiscoveryDocument(groups()),
      AGGREGATED_TYPE,
      request.headers['if-none-match'],
    );
  }

  /** Of `[group]` or `[group, version]`; undefined: there is none. */
  group([name = '', version, ...rest]: readonly string[]): object | undefined {
    if (rest.length > 0) return undefined;
    const found = this.groups().find(({ group }) => group === name);
    if (found === undefined) return undefined;
    if (version === undefined) return apiGroupDocument(found);
    if (!this.#api.registry.hasGroupVersion(name, version)) return undefined;
    return apiResourceListDocument({ group: name, version }, this.#all);
  }

  /** client-go asks for protobuf and reads nothing else. */
  openApiV2(accept: string): Promise<ApiResponse> {
    if (acceptsOpenApiV2Protobuf(accept)) {
      const make = async () => encodeOpenApiV2(await this.#v2());
      return this.#serve('v2 protobuf', make, OPENAPI_V2_PROTOBUF);
    }
    return this.#serve('v2', () => this.#v2());
  }

  async #v2(): Promise<Record<string, unknown>> {
    const own = buildOpenApiV2(this.#resources, await this.#options());
    return { ...mergeOpenApiV2(own, this.#remote()?.schemas() ?? []) };
  }

  async openApiV3Root(): Promise<ApiResponse> {
    this.#refresh();
    const rows = this.#groupVersions().map(async (gv) => ({ ...gv, hash: (await this.#v3(gv)).hash }));
    const remote = (this.#remote()?.schemas() ?? []).flatMap(({ v3Hash, ...gv }) =>
      v3Hash === undefined ? [] : [{ ...gv, hash: v3Hash }],
    );
    return json(buildOpenApiV3Root([...(await Promise.all(rows)), ...remote]));
  }

  async openApiV3(path: string): Promise<ApiResponse | undefined> {
    this.#refresh();
    const found = this.#groupVersions().find(
      ({ group, version }) => path === (group === '' ? `api/${version}` : `apis/${group}/${version}`),
    );
    if (found === undefined) return undefined;
    const { bytes, hash } = await this.#v3(found);
    return { status: 200, headers: { 'content-type': 'application/json', etag: `"${hash}"` }, body: bytes };
  }

  #v3(groupVersion: { readonly group: string; readonly version: string }) {
    const name = `v3 ${groupVersion.group}/${groupVersion.version}`;
    return this.#document(name, async () => buildOpenApiV3(groupVersion, this.#resources, await this.#options()));
  }

  async #options() {
    const descriptions = await this.#descriptions();
    return {
      facts: this.#api.facts,
      serverVersion: KUBERNETES_VERSION,
      ...(descriptions === undefined ? {} : { descriptions }),
    };
  }

  #groupVersions(): { readonly group: string; readonly version: string }[] {
    const own = groupResources(this.#resources);
    return own.flatMap(({ group, versions }) => versions.map(({ version }) => ({ group, version })));
  }

  #refresh(): void {
    const { registry } = this.#api;
    const remote = this.#remote();
    const generation = `${registry.generation}/${remote?.generation ?? 0}`;
    if (this.#generation === generation) return;
    this.#generation = generation;
    this.#made.clear();
    const builtIn = createResourceFacts().filter(
      (fact) => registry.find(fact.group, fact.version, fact.plural) !== undefined,
    );
    this.#resources = [...builtIn, ...customResourceFacts(registry)];
    this.#all = [...this.#resources, ...(remote?.resources() ?? [])];
    this.#groups = groupResources(this.#all, remote?.prioritiesOf.bind(remote));
  }

  async #serve(
    name: string,
    make: () => object | Promise<object>,
    type = 'application/json',
    known?: string,
  ): Promise<ApiResponse> {
    this.#refresh();
    const { bytes, hash } = await this.#document(name, make);
    const etag = `"${hash}"`;
    const headers = { 'content-type': type, etag, vary: 'Accept', 'cache-control': 'public' };
    if (known === etag) return { status: 304, headers, body: new Uint8Array(0) };
    return { status: 200, headers, body: bytes };
  }

  #document(name: string, make: () => object | Promise<object>) {
    let made = this.#made.get(name);
    if (made === undefined) {
      made = Promise.resolve(make()).then((value) => {
        const bytes = value instanceof Uint8Array ? value : encoder.encode(JSON.stringify(value));
        return { bytes, hash: contentHash(bytes) };
      });
      this.#made.set(name, made);
    }
    return made;
  }
}

function json(value: object, type = 'application/json', cacheControl = 'no-cache, private'): ApiResponse {
  const headers = { 'content-type': type, 'cache-control': cacheControl };
  return { status: 200, headers, body: encoder.encode(JSON.stringify(value)) };
}

function text(value: string, type = 'text/plain; charset=utf-8', status = 200): ApiResponse {
  return {
    status,
    headers: { 'content-type': type, 'x-content-type-options': 'nosniff' },
    body: encoder.encode(value),
  };
}
