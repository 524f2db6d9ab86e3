/** Clusters and Pods of chance, over everything that the default plugins look at. The same for the same seed. */
export interface Chance {
  /** 0 <= n < max. */
  below(max: number): number;
  one<T>(items: readonly T[]): T;
  /** True once in `times`. */
  in(times: number): boolean;
}

/** Source: mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const float = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (max: number) => Math.floor(float() * max);
  return { below, one: (items) => items[below(items.length)] as never, in: (times) => below(times) === 0 };
}

type Json = Readonly<Record<string, unknown>>;
export type Draft = Json & { readonly metadata: { readonly name: string; readonly namespace?: string } };

const ZONE = 'topology.kubernetes.io/zone';
const HOST = 'kubernetes.io/hostname';
const APPS = ['web', 'db', 'cache'];
export const NAMESPACES = ['red', 'blue'];
const IMAGES = ['registry.example/a:1', 'registry.example/b:1', 'registry.example/c'];
const CLAIMS = ['zoned', 'regional', 'csi-1', 'csi-2', 'csi-3', 'once', 'unbound', 'missing'];
const TAINTS = [
  { key: 'dedicated', value: 'db', effect: 'NoSchedule' },
  { key: 'flaky', effect: 'PreferNoSchedule' },
  { key: 'slow', value: 'disk', effect: 'PreferNoSchedule' },
  { key: 'drain', effect: 'NoExecute' },
];

export function randomNodes(count: number, chance: Chance, prefix: string): Draft[] {
  // Upstream takes the size that the first node told: an image is as large on each.
  const sizes = IMAGES.map(() => chance.one([10, 80, 400, 1500]) * 1024 * 1024);
  return Array.from({ length: count }, (_, i) => {
    const name = `${prefix}-${i}`;
    const labels = {
      [HOST]: name,
      ...(chance.in(8) ? {} : { [ZONE]: chance.one(['a', 'b', 'c']) }),
      ...(chance.in(3) ? {} : { disk: chance.one(['ssd', 'hdd']) }),
      cores: String(chance.one([2, 4, 8])),
    };
    const taints = TAINTS.filter(() => chance.in(6));
    const resources = {
      cpu: chance.one(['1', '2', '4', '3500m']),
      memory: chance.one(['1Gi', '2Gi', '3000Mi']),
      'ephemeral-storage': chance.one(['5Gi', '20Gi']),
      pods: chance.one(['3', '8', '110']),
      ...(chance.in(3) ? { 'example.com/gpu': chance.one(['1', '2']) } : {}),
      ...(chance.in(4) ? { 'hugepages-2Mi': '64Mi' } : {}),
    };
    const images = IMAGES.filter(() => chance.in(2)).map((image) => ({
      names: [image.includes(':1') ? image : `${image}:latest`],
      sizeBytes: sizes[IMAGES.indexOf(image)],
    }));
    return {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name, labels },
      spec: { ...(taints.length > 0 ? { taints } : {}), ...(chance.in(10) ? { unschedulable: true } : {}) },
      status: { capacity: resources, allocatable: resources, images },
    };
  });
}

/** Namespaces, Services, volumes and claims: what all clusters share. */
export function surroundings(): Draft[] {
  return NAMESPACES.flatMap((namespace) => [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace, labels: { team: namespace === 'red' ? 'x' : 'y' } },
    },
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'cache', namespace },
      spec: { selector: { app: 'cache' }, ports: [{ port: 80 }] },
    },
    ...CLAIMS.filter((name) => name !== 'missing').flatMap((name) => claimWithVolume(name, namespace)),
  ]);
}

/** How many volumes of the driver each node can attach. */
export function csiNodes(nodes: readonly string[], chance: Chance): Draft[] {
  return nodes.map((name) => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'CSINode',
    metadata: { name },
    spec: { drivers: [{ name: 'csi.example', nodeID: name, allocatable: { count: chance.one([1, 2, 8]) } }] },
  }));
}

function claimWithVolume(name: string, namespace: string): Draft[] {
  const volumeName = `${namespace}-${name}`;
  const isBound = name !== 'unbound';
  const accessModes = [name === 'once' ? 'ReadWriteOncePod' : 'ReadWriteOnce'];
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace, annotations: isBound ? { 'pv.kubernetes.io/bind-completed': 'yes' } : {} },
    spec: {
      accessModes,
      storageClassName: isBound ? '' : 'immediate',
      resources: { requests: { storage: '1Gi' } },
      ...(isBound ? { volumeName } : {}),
    },
  };
  if (!isBound) return [claim];
  const affinity = {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: ZONE, operator: 'In', values: ['a', 'b'] }] }] },
  };
  const volume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: volumeName, labels: name === 'regional' ? { [ZONE]: 'a__c' } : {} },
    spec: {
      accessModes,
      capacity: { storage: '1Gi' },
      claimRef: { kind: 'PersistentVolumeClaim', namespace, name },
      ...(name === 'zoned' ? { nodeAffinity: affinity } : {}),
      ...(name.startsWith('csi')
        ? { csi: { driver: 'csi.example', volumeHandle: volumeName } }
        : { hostPath: { path: '/tmp/x' } }),
    },
  };
  return [volume, claim];
}

export function randomPod(name: string, nodes: readonly string[], chance: Chance, schedulerName: string): Draft {
  const app = chance.one(APPS);
  const claim = chance.in(5) ? chance.one(CLAIMS) : undefined;
  const container = (of: string): Json => ({
    name: of,
    image: chance.in(3) ? chance.one(IMAGES) : 'registry.example/none:1',
    resources: { requests: randomRequests(chance) },
    ...(chance.in(7)
      ? {
          ports: [
            { containerPort: 80, hostPort: chance.one([80, 81]), ...(chance.in(3) ? { hostIP: '10.0.0.1' } : {}) },
          ],
        }
      : {}),
  });
  const spec: Json = {
    schedulerName,
    containers: [container('c'), ...(chance.in(4) ? [{ ...container('d'), ports: [] }] : [])],
    ...(chance.in(5)
      ? { initContainers: [{ ...container('i'), ports: [], ...(chance.in(2) ? { restartPolicy: 'Always' } : {}) }] }
      : {}),
    ...(chance.in(3) ? { tolerations: randomTolerations(chance) } : {}),
    ...(chance.in(5) ? { nodeSelector: { disk: chance.one(['ssd', 'hdd']) } } : {}),
    ...(claim === undefined ? {} : { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: claim } }] }),
    ...(chance.in(3) ? { topologySpreadConstraints: randomSpread(chance) } : {}),
    affinity: {
      ...(chance.in(3) ? { nodeAffinity: randomNodeAffinity(nodes, chance) } : {}),
      ...(chance.in(4) ? { podAffinity: randomPodAffinity(chance) } : {}),
      ...(chance.in(4) ? { podAntiAffinity: randomPodAffinity(chance) } : {}),
    },
  };
  const metadata = {
    name,
    namespace: chance.one(NAMESPACES),
    labels: { app, track: chance.one(['stable', 'canary']) },
  };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

function randomRequests(chance: Chance): Json {
  return {
    ...(chance.in(3) ? {} : { cpu: chance.one(['50m', '200m', '700m', '1']) }),
    ...(chance.in(3) ? {} : { memory: chance.one(['64Mi', '300Mi', '900Mi']) }),
    ...(chance.in(6) ? { 'ephemeral-storage': chance.one(['1Gi', '6Gi']) } : {}),
  };
}

function randomTolerations(chance: Chance): Json[] {
  const all = [
    { key: 'dedicated', operator: 'Equal', value: 'db', effect: 'NoSchedule' },
    { key: 'flaky', operator: 'Exists' },
    { key: 'drain', operator: 'Exists', effect: 'NoExecute' },
    { operator: 'Exists' },
    { key: 'node.kubernetes.io/unschedulable', operator: 'Exists' },
  ];
  return all.filter(() => chance.in(3));
}

function randomSpread(chance: Chance): Json[] {
  const used = new Set<string>();
  return Array.from({ length: 1 + chance.below(2) }, () => {
    const topologyKey = chance.one([ZONE, HOST, 'disk']);
    const whenUnsatisfiable = chance.one(['DoNotSchedule', 'ScheduleAnyway']);
    const isNew = !used.has(`${topologyKey}${whenUnsatisfiable}`);
    used.add(`${topologyKey}${whenUnsatisfiable}`);
    return isNew
      ? {
          maxSkew: 1 + chance.below(2),
          topologyKey,
          whenUnsatisfiable,
          labelSelector: randomSelector(chance),
          ...(chance.in(4) ? { matchLabelKeys: ['track'] } : {}),
          ...(chance.in(4) && whenUnsatisfiable === 'DoNotSchedule' ? { minDomains: chance.one([2, 4]) } : {}),
          ...(chance.in(4) ? { nodeAffinityPolicy: chance.one(['Honor', 'Ignore']) } : {}),
          ...(chance.in(4) ? { nodeTaintsPolicy: chance.one(['Honor', 'Ignore']) } : {}),
        }
      : undefined;
  }).filter((constraint) => constraint !== undefined);
}

function randomSelector(chance: Chance): Json {
  if (chance.in(4)) return { matchExpressions: [{ key: 'app', operator: 'In', values: ['web', 'db'] }] };
  return { matchLabels: { app: chance.one(APPS) } };
}

function randomNodeAffinity(nodes: readonly string[], chance: Chance): Json {
  const expression = () =>
    chance.one<Json>([
      { key: ZONE, operator: 'In', values: ['a', 'b'] },
      { key: ZONE, operator: 'NotIn', values: ['c'] },
      { key: 'disk', operator: 'Exists' },
      { key: 'disk', operator: 'DoesNotExist' },
      { key: 'cores', operator: 'Gt', values: ['2'] },
      { key: 'cores', operator: 'Lt', values: ['8'] },
    ]);
  const byName = { matchFields: [{ key: 'metadata.name', operator: 'In', values: [chance.one(nodes)] }] };
  const term = () => (chance.in(8) ? byName : { matchExpressions: [expression()] });
  return {
    ...(chance.in(2)
      ? {
          requiredDuringSchedulingIgnoredDuringExecution: {
            nodeSelectorTerms: [term(), ...(chance.in(2) ? [term()] : [])],
          },
        }
      : {}),
    preferredDuringSchedulingIgnoredDuringExecution: Array.from({ length: chance.below(3) }, () => ({
      weight: 1 + chance.below(100),
      preference: { matchExpressions: [expression()] },
    })),
  };
}

function randomPodAffinity(chance: Chance): Json {
  const term = () => ({
    topologyKey: chance.one([ZONE, HOST]),
    labelSelector: randomSelector(chance),
    ...(chance.in(4) ? { namespaces: [chance.one(NAMESPACES)] } : {}),
    ...(chance.in(5) ? { namespaceSelector: { matchLabels: { team: chance.one(['x', 'y']) } } } : {}),
    ...(chance.in(6) ? { matchLabelKeys: ['track'] } : {}),
  });
  return {
    ...(chance.in(2) ? { requiredDuringSchedulingIgnoredDuringExecution: [term()] } : {}),
    preferredDuringSchedulingIgnoredDuringExecution: Array.from({ length: chance.below(3) }, () => ({
      weight: 1 + chance.below(100),
      podAffinityTerm: term(),
    })),
  };
}
