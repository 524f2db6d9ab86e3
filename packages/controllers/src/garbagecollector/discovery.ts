/** Which kinds the server has now, from aggregated discovery or the older documents. Source: client-go/discovery. */
import type { KindRef } from '@kapella/api';
import { type Ctx, describeError, isReason } from '@kapella/base';
import type { Client } from '@kapella/client';

export interface DiscoveredKind extends KindRef {
  readonly verbs: readonly string[];
}

export interface Discovery {
  /** Every kind in every version, the preferred version of a group first. */
  readonly all: readonly DiscoveredKind[];
  /** Each resource of a group once, in its preferred version. */
  readonly preferred: readonly DiscoveredKind[];
  /** `group/version` whose kinds could not be learnt, with the cause. */
  readonly failed: ReadonlyMap<string, string>;
}

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

interface AggregatedVersion {
  readonly version: string;
  readonly freshness?: string;
  readonly resources?: readonly {
    readonly resource: string;
    readonly responseKind?: { readonly kind?: string };
    readonly scope?: string;
    readonly verbs?: readonly string[];
  }[];
}

interface AggregatedGroup {
  readonly metadata?: { readonly name?: string };
  readonly versions?: readonly AggregatedVersion[];
}

interface Document {
  readonly kind?: string;
  readonly items?: readonly AggregatedGroup[];
  readonly versions?: readonly string[];
  readonly groups?: readonly GroupDocument[];
  readonly resources?: readonly { name: string; kind: string; namespaced: boolean; verbs?: readonly string[] }[];
}

interface GroupDocument {
  readonly name: string;
  readonly versions: readonly { readonly version: string }[];
  readonly preferredVersion?: { readonly version: string };
}

/** Throws when not even the list of groups can be read; a group that fails is in `failed`. */
export async function discover(client: Client, ctx: Ctx): Promise<Discovery> {
  const read = (path: string) => client.request<Document>('GET', path, { headers: { accept: AGGREGATED } }, ctx);
  const [core, groups] = await Promise.all([read('/api'), read('/apis')]);
  const failed = new Map<string, string>();
  const all = [
    ...(isAggregated(core) ? fromAggregated(core, failed) : await fromGroup(client, coreGroup(core), failed, ctx)),
    ...(isAggregated(groups)
      ? fromAggregated(groups, failed)
      : await fromGroups(client, groups.groups ?? [], failed, ctx)),
  ];
  const preferred = new Map<string, DiscoveredKind>();
  for (const kind of all) {
    const id = `${kind.group}/${kind.plural}`;
    if (!preferred.has(id)) preferred.set(id, kind);
  }
  return { all, preferred: [...preferred.values()], failed };
}

const isAggregated = (document: Document) => document.kind === 'APIGroupDiscoveryList';

function fromAggregated(document: Document, failed: Map<string, string>): DiscoveredKind[] {
  const kinds: DiscoveredKind[] = [];
  for (const { metadata, versions = [] } of document.items ?? []) {
    const group = metadata?.name ?? '';
    for (const entry of versions) {
      const { version } = entry;
      if (entry.freshness === 'Stale')
        failed.set(groupVersion(group, version), `stale GroupVersion discovery: ${groupVersion(group, version)}`);
      kinds.push(...kindsOf(group, entry));
    }
  }
  return kinds;
}

/** A resource known only by its subresources has no kind. */
function kindsOf(group: string, { version, resources = [] }: AggregatedVersion): DiscoveredKind[] {
  return resources.flatMap(({ resource: plural, responseKind, scope, verbs = [] }) => {
    const kind = responseKind?.kind;
    return kind ? [{ group, version, kind, plural, namespaced: scope === 'Namespaced', verbs }] : [];
  });
}

const groupVersion = (group: string, version: string) => (group === '' ? version : `${group}/${version}`);

const coreGroup = ({ versions = [] }: Document): GroupDocument => ({
  name: '',
  versions: versions.map((version) => ({ version })),
});

async function fromGroups(client: Client, groups: readonly GroupDocument[], failed: Map<string, string>, ctx: Ctx) {
  const lists = await Promise.all(groups.map((group) => fromGroup(client, group, failed, ctx)));
  return lists.flat();
}

async function fromGroup(
  client: Client,
  group: GroupDocument,
  failed: Map<string, string>,
  ctx: Ctx,
): Promise<DiscoveredKind[]> {
  const first = group.preferredVersion?.version;
  const versions = group.versions
    .map((entry) => entry.version)
    .toSorted((a, b) => Number(b === first) - Number(a === first));
  const lists = await Promise.all(versions.map((version) => fromVersion(client, group.name, version, failed, ctx)));
  return lists.flat();
}

async function fromVersion(client: Client, group: string, version: string, failed: Map<string, string>, ctx: Ctx) {
  const path = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  try {
    const { resources = [] } = await client.request<Document>('GET', path, {}, ctx);
    return resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, kind, namespaced, verbs = [] }) => ({ group, version, kind, plural: name, namespaced, verbs }));
  } catch (error) {
    if (ctx.signal.aborted) throw error;
    // Gone between the two reads: not a failure.
    if (!isReason(error, 'NotFound')) failed.set(groupVersion(group, version), describeError(error));
    return [];
  }
}
