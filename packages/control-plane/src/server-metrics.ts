/** What an API server holds and is, under upstream's metric names; read when somebody asks. */
import type { ApiServer, MetricsRegistry } from '@kapella/apiserver';
import { KUBERNETES_VERSION } from './version.ts';

/** Gates of 1.36 that matter to who reads them, with their stage. Source: apiserver/pkg/features/kube_features.go. */
const FEATURES: readonly (readonly [name: string, stage: string, isOn: boolean])[] = [
  ['APIResponseCompression', 'BETA', true],
  ['APIServerIdentity', 'BETA', true],
  ['AggregatedDiscoveryRemoveBetaType', '', true],
  ['CBORServingAndStorage', 'ALPHA', false],
  ['ConsistentListFromCache', '', true],
  ['MutatingAdmissionPolicy', '', true],
  ['OpenAPIEnums', 'BETA', true],
  ['SizeBasedListCostEstimate', 'BETA', true],
  ['StructuredAuthenticationConfiguration', '', true],
  ['StructuredAuthorizationConfiguration', '', true],
  ['WatchList', 'BETA', true],
];

export function addServerMetrics(
  { registry, core }: ApiServer,
  metrics: MetricsRegistry,
  storeSizeBytes: () => number | undefined = () => undefined,
): void {
  const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(KUBERNETES_VERSION) ?? [];
  const build = {
    ...{ build_date: '', compiler: 'typescript', git_commit: '', git_tree_state: 'clean' },
    ...{ git_version: KUBERNETES_VERSION, go_version: 'none', major, minor, platform: 'linux/amd64' },
  };
  metrics
    .gauge('kubernetes_build_info', 'What this server was built from.', Object.keys(build))
    .set(Object.values(build), 1);
  const enabled = metrics.gauge('kubernetes_feature_enabled', 'Whether a feature is on.', ['name', 'stage']);
  for (const [name, stage, isOn] of FEATURES) enabled.set([name, stage], isOn ? 1 : 0);
  const stored = () =>
    registry
      .all()
      .filter(({ storage, definition }) => storage?.converts === false && definition.storedAs === undefined);
  metrics.readEach('apiserver_storage_objects', 'Number of stored objects.', 'gauge', ['resource'], () =>
    stored().map((type) => [[groupResource(type)], type.storage?.cache.size ?? 0]),
  );
  metrics.readEach('apiserver_resource_objects', 'Number of stored objects.', 'gauge', ['group', 'resource'], () =>
    stored().map((type) => [[type.group, type.plural], type.storage?.cache.size ?? 0]),
  );
  metrics.readEach(
    'apiserver_resource_size_estimate_bytes',
    'Bytes of stored objects as JSON.',
    'gauge',
    ['group', 'resource'],
    () => stored().map((type) => [[type.group, type.plural], type.storage?.cache.sizeBytes ?? 0]),
  );
  metrics.readEach(
    'apiserver_watch_cache_resource_version',
    'Newest revision that the watch cache of a resource has seen.',
    'gauge',
    ['group', 'resource'],
    () => stored().map((type) => [[type.group, type.plural], type.storage?.cache.revision ?? 0]),
  );
  metrics.readEach(
    'apiserver_storage_size_bytes',
    'Bytes that the store takes on its disk.',
    'gauge',
    ['storage_cluster_id'],
    () => {
      const size = storeSizeBytes();
      return size === undefined ? [] : [[[core.store.backend], size]];
    },
  );
  metrics.readEach('apiserver_storage_backend', 'The store behind this server.', 'gauge', ['backend'], () => [
    [[core.store.backend], 1],
  ]);
}

function groupResource({ group, plural }: { readonly group: string; readonly plural: string }): string {
  return group === '' ? plural : `${plural}.${group}`;
}
