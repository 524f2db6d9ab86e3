/** Which fields a configuration may have: an unknown or mistyped one is an error, as upstream's strict decoding has it. */

/** `object` with fields, `[shape]` a list of it; `any` is not looked into. */
export type Shape = 'string' | 'number' | 'boolean' | 'any' | readonly [Shape] | { readonly [field: string]: Shape };

/** Adds one message per field that is not known or of another type. */
export function checkShape(value: unknown, shape: Shape, path: string, problems: string[]): void {
  if (value === undefined || value === null || shape === 'any') return;
  if (isList(shape)) checkList(value, shape[0], path, problems);
  else if (typeof shape === 'string') {
    const found: string = typeof value;
    if (found !== shape) problems.push(`${path}: expected a ${shape}`);
  } else if (typeof value !== 'object' || Array.isArray(value)) {
    problems.push(`${path === '' ? 'the file' : path}: expected an object`);
  } else checkFields(value, shape, path, problems);
}

function checkList(value: unknown, shape: Shape, path: string, problems: string[]): void {
  if (!Array.isArray(value)) problems.push(`${path}: expected a list`);
  else for (const [i, item] of value.entries()) checkShape(item, shape, `${path}[${i}]`, problems);
}

function checkFields(value: object, shape: Readonly<Record<string, Shape>>, path: string, problems: string[]): void {
  for (const [field, inner] of Object.entries(value)) {
    const at = path === '' ? field : `${path}.${field}`;
    if (Object.hasOwn(shape, field)) checkShape(inner, shape[field] as Shape, at, problems);
    else problems.push(`unknown field ${JSON.stringify(at)}`);
  }
}

function isList(shape: Shape): shape is readonly [Shape] {
  return Array.isArray(shape);
}

const PLUGIN_SET: Shape = {
  enabled: [{ name: 'string', weight: 'number' }],
  disabled: [{ name: 'string', weight: 'number' }],
};
const RESOURCES: Shape = [{ name: 'string', weight: 'number' }];
const UTILIZATION: Shape = [{ utilization: 'number', score: 'number' }];
const TYPE_META = { apiVersion: 'string', kind: 'string' } as const;

const PLUGINS: Shape = {
  preEnqueue: PLUGIN_SET,
  queueSort: PLUGIN_SET,
  preFilter: PLUGIN_SET,
  filter: PLUGIN_SET,
  postFilter: PLUGIN_SET,
  preScore: PLUGIN_SET,
  score: PLUGIN_SET,
  reserve: PLUGIN_SET,
  permit: PLUGIN_SET,
  preBind: PLUGIN_SET,
  bind: PLUGIN_SET,
  postBind: PLUGIN_SET,
  multiPoint: PLUGIN_SET,
  placementGenerate: PLUGIN_SET,
  placementScore: PLUGIN_SET,
};

export const CONFIG_SHAPE: Shape = {
  ...TYPE_META,
  parallelism: 'number',
  leaderElection: {
    leaderElect: 'boolean',
    leaseDuration: 'string',
    renewDeadline: 'string',
    retryPeriod: 'string',
    resourceLock: 'string',
    resourceName: 'string',
    resourceNamespace: 'string',
  },
  clientConnection: {
    kubeconfig: 'string',
    acceptContentTypes: 'string',
    contentType: 'string',
    qps: 'number',
    burst: 'number',
  },
  enableProfiling: 'boolean',
  enableContentionProfiling: 'boolean',
  percentageOfNodesToScore: 'number',
  podInitialBackoffSeconds: 'number',
  podMaxBackoffSeconds: 'number',
  delayCacheUntilActive: 'boolean',
  profiles: [
    {
      schedulerName: 'string',
      percentageOfNodesToScore: 'number',
      plugins: PLUGINS,
      pluginConfig: [{ name: 'string', args: 'any' }],
    },
  ],
  extenders: [
    {
      urlPrefix: 'string',
      filterVerb: 'string',
      preemptVerb: 'string',
      prioritizeVerb: 'string',
      weight: 'number',
      bindVerb: 'string',
      enableHTTPS: 'boolean',
      tlsConfig: {
        insecure: 'boolean',
        serverName: 'string',
        certFile: 'string',
        keyFile: 'string',
        caFile: 'string',
        certData: 'string',
        keyData: 'string',
        caData: 'string',
      },
      httpTimeout: 'string',
      nodeCacheCapable: 'boolean',
      managedResources: [{ name: 'string', ignoredByScheduler: 'boolean' }],
      ignorable: 'boolean',
    },
  ],
};

/** Arguments by plugin. */
export const ARGS_SHAPES: ReadonlyMap<string, Shape> = new Map<string, Shape>([
  ['DefaultPreemption', { ...TYPE_META, minCandidateNodesPercentage: 'number', minCandidateNodesAbsolute: 'number' }],
  ['DynamicResources', { ...TYPE_META, filterTimeout: 'string', bindingTimeout: 'string' }],
  [
    'InterPodAffinity',
    { ...TYPE_META, hardPodAffinityWeight: 'number', ignorePreferredTermsOfExistingPods: 'boolean' },
  ],
  ['NodeAffinity', { ...TYPE_META, addedAffinity: 'any' }],
  ['NodeResourcesBalancedAllocation', { ...TYPE_META, resources: RESOURCES }],
  [
    'NodeResourcesFit',
    {
      ...TYPE_META,
      ignoredResources: ['string'],
      ignoredResourceGroups: ['string'],
      scoringStrategy: { type: 'string', resources: RESOURCES, requestedToCapacityRatio: { shape: UTILIZATION } },
    },
  ],
  ['PodTopologySpread', { ...TYPE_META, defaultConstraints: 'any', defaultingType: 'string' }],
  ['VolumeBinding', { ...TYPE_META, bindTimeoutSeconds: 'number', shape: UTILIZATION }],
]);
