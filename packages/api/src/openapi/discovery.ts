/** Discovery documents of the served resources. Source: apiserver/pkg/endpoints/discovery and aggregated. */
import type { OpenApiResource } from './resource.ts';
import type { Json } from './schemas.ts';

/** Groups in the order upstream lists its own; others follow in the order they come. */
const GROUP_ORDER = [
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'resource.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];

export interface DiscoveryGroup {
  readonly group: string;
  /** Preferred version first. */
  readonly versions: readonly { readonly version: string; readonly resources: readonly OpenApiResource[] }[];
}

/** As an APIService has them; higher ones come first. */
export interface Priorities {
  readonly groupPriorityMinimum: number;
  readonly versionPriority: number;
}

export type PrioritiesOf = (group: string, version: string) => Priorities;

/** Upstream's own groups first; others by name. */
const BY_GROUP: PrioritiesOf = (group) => {
  const rank = group === '' ? -1 : GROUP_ORDER.indexOf(group) + 1 || GROUP_ORDER.length + 1;
  return { groupPriorityMinimum: -rank, versionPriority: 0 };
};

/**
 * Groups and versions of the resources in the order of their APIServices, the core group first.
 * Source: kube-aggregator/pkg/apis/apiregistration/helpers.go SortedByGroupAndVersion.
 */
export function groupResources(
  resources: readonly OpenApiResource[],
  prioritiesOf: PrioritiesOf = BY_GROUP,
): readonly DiscoveryGroup[] {
  const services = new Map<string, ServiceRow>();
  for (const resource of resources) {
    const { group, version } = resource;
    const name = `${version}.${group}`;
    const known = services.get(name);
    if (known !== undefined) known.resources.push(resource);
    else services.set(name, { name, group, version, ...prioritiesOf(group, version), resources: [resource] });
  }
  const groups = new Map<string, ServiceRow[]>();
  for (const service of [...services.values()].sort(byGroupPriority)) {
    const known = groups.get(service.group);
    if (known === undefined) groups.set(service.group, [service]);
    else known.push(service);
  }
  return [...groups].map(([group, rows]) => ({
    group,
    versions: rows.sort(byVersionPriority).map(({ version, resources: own }) => ({ version, resources: own })),
  }));
}

interface ServiceRow extends Priorities {
  /** Of the APIService. */
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly resources: OpenApiResource[];
}

function byGroupPriority(a: ServiceRow, b: ServiceRow): number {
  return b.groupPriorityMinimum - a.groupPriorityMinimum || (a.name < b.name ? -1 : 1);
}

function byVersionPriority(a: ServiceRow, b: ServiceRow): number {
  return b.versionPriority - a.versionPriority || compareVersions(b.version, a.version);
}

/**
 * Kubernetes' order of versions: `v2` above `v1` above `v2beta1` above `v1alpha1`, then names that are none.
 * Negative when `a` is lower. Source: apimachinery/pkg/version/helpers.go.
 */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [parseVersion(a), parseVersion(b)];
  if (x === undefined || y === undefined) return x === y ? (a < b ? 1 : a > b ? -1 : 0) : x === undefined ? -1 : 1;
  return x.stage - y.stage || x.major - y.major || x.minor - y.minor;
}

function parseVersion(text: string): { major: number; stage: number; minor: number } | undefined {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(text);
  if (match === null) return undefined;
  const stage = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return { major: Number(match[1]), stage, minor: Number(match[3] ?? 0) };
}

/** `/api`. `serverAddress` is host and port. */
export function apiVersionsDocument(serverAddress: string): Json {
  return {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  };
}

/** `/apis`. */
export function apiGroupListDocument(groups: readonly DiscoveryGroup[]): Json {
  const rows = groups.filter(({ group }) => group !== '').map(apiGroup);
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: rows };
}

/** `/apis/apps`. */
export function apiGroupDocument(group: DiscoveryGroup): Json {
  return { kind: 'APIGroup', apiVersion: 'v1', ...apiGroup(group) };
}

function apiGroup({ group, versions }: DiscoveryGroup): Json {
  const rows = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: rows, preferredVersion: rows[0] };
}

/** `/api/v1`, `/apis/apps/v1`. */
export function apiResourceListDocument(
  { group, version }: { readonly group: string; readonly version: string },
  resources: readonly OpenApiResource[],
): Json {
  const own = resources.filter((r) => r.group === group && r.version === version);
  const rows = own
    .toSorted((a, b) => (a.plural < b.plural ? -1 : 1))
    .flatMap((r) => [apiResource(r), ...subresourcesInOrder(r).map((s) => apiSubresource(r, s))]);
  const groupVersion = group === '' ? version : `${group}/${version}`;
  return { kind: 'APIResourceList', ...(group === '' ? {} : { apiVersion: 'v1' }), groupVersion, resources: rows };
}

/** By name; of custom resources the status is before the scale, for upstream does not sort these. */
function subresourcesInOrder({ subresources, schema }: OpenApiResource): OpenApiResource['subresources'] {
  return schema === undefined ? subresources.toSorted((a, b) => (a.name < b.name ? -1 : 1)) : subresources;
}

function apiResource(r: OpenApiResource): Json {
  return {
    name: r.plural,
    singularName: r.singular,
    namespaced: r.namespaced,
    kind: r.kind,
    verbs: r.verbs,
    ...(r.shortNames.length === 0 ? {} : { shortNames: r.shortNames }),
    ...(r.categories.length === 0 ? {} : { categories: r.categories }),
    ...(r.storageVersionHash === '' ? {} : { storageVersionHash: r.storageVersionHash }),
  };
}

function apiSubresource(r: OpenApiResource, s: OpenApiResource['subresources'][number]): Json {
  const isForeign = s.group !== r.group || s.version !== r.version;
  return {
    name: `${r.plural}/${s.name}`,
    singularName: '',
    namespaced: r.namespaced,
    ...(isForeign ? { group: s.group, version: s.version } : {}),
    kind: s.kind,
    verbs: s.verbs,
  };
}

/**
 * `/api` or `/apis` as one document, when the client accepts `g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList`.
 * Give it the core group for `/api`, all others for `/apis`.
 */
export function aggregatedDiscoveryDocument(groups: readonly DiscoveryGroup[]): Json {
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map(aggregatedGroup),
  };
}

function aggregatedGroup({ group, versions }: DiscoveryGroup): Json {
  return {
    metadata: group === '' ? {} : { name: group },
    versions: versions.map(({ version, resources }) => ({
      version,
      resources: resources.map(aggregatedResource),
      freshness: 'Current',
    })),
  };
}

function aggregatedResource(r: OpenApiResource): Json {
  return {
    resource: r.plural,
    responseKind: { group: '', version: '', kind: r.kind }, // '' means the resource's own, as upstream has it
    scope: r.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: r.singular,
    verbs: r.verbs,
    ...(r.shortNames.length === 0 ? {} : { shortNames: r.shortNames }),
    ...(r.categories.length === 0 ? {} : { categories: r.categories }),
    ...(r.subresources.length === 0 ? {} : { subresources: r.subresources.map((s) => aggregatedSubresource(r, s)) }),
  };
}

function aggregatedSubresource(r: OpenApiResource, s: OpenApiResource['subresources'][number]): Json {
  const isForeign = s.group !== r.group || s.version !== r.version;
  const groupVersion = isForeign ? { group: s.group, version: s.version } : { group: '', version: '' };
  return { subresource: s.name, responseKind: { ...groupVersion, kind: s.kind }, verbs: s.verbs };
}
