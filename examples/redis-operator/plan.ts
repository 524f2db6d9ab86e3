/** What a Redis becomes. Pure: objects in, objects out; nothing here waits or asks. */
import { controllerRef, withCondition } from '@kapella/controller';
import type { StatefulSet } from '@kapella/api/types/apps-v1';
import { type Redis, type RedisStatus, redis } from './redis.ts';

const PORT = 6379;

/** The objects to apply, in this order. */
export function planObjects(object: Redis) {
  const { name, namespace } = object.metadata;
  const { replicas, image, memory, settings = {} } = object.spec;
  const labels = { 'app.kubernetes.io/name': 'redis', 'app.kubernetes.io/instance': name };
  const metadata = { name: `redis-${name}`, namespace, labels, ownerReferences: [controllerRef(redis.kind, object)] };
  const lines = Object.entries({
    ...settings,
    ...(memory && { maxmemory: `${memory.replace('i', '').toLowerCase()}b` }),
  });
  const config = lines
    .map(([key, value]) => `${key} ${value}\n`)
    .sort()
    .join('');
  const container = {
    name: 'redis',
    image,
    args: ['/etc/redis/redis.conf'],
    ports: [{ containerPort: PORT, name: 'redis' }],
    readinessProbe: { tcpSocket: { port: PORT } },
    ...(memory && { resources: { limits: { memory }, requests: { memory } } }),
    volumeMounts: [{ name: 'config', mountPath: '/etc/redis' }],
  };
  const template = {
    // Other settings are another revision: the StatefulSet then rolls.
    metadata: { labels, annotations: { 'cache.example.com/config': config } },
    spec: { containers: [container], volumes: [{ name: 'config', configMap: { name: metadata.name } }] },
  };
  return {
    configMap: { metadata, data: { 'redis.conf': config } },
    service: { metadata, spec: { clusterIP: 'None', selector: labels, ports: [{ name: 'redis', port: PORT }] } },
    statefulSet: {
      metadata,
      spec: { replicas, serviceName: metadata.name, selector: { matchLabels: labels }, template },
    },
  };
}

/** `now`: RFC 3339. */
export function planStatus(object: Redis, set: StatefulSet | undefined, now: string): RedisStatus {
  const { replicas } = object.spec;
  const ready = set?.status?.readyReplicas ?? 0;
  const isReady = ready === replicas && set?.status?.observedGeneration === set?.metadata.generation;
  const condition = {
    type: 'Ready',
    status: isReady ? 'True' : 'False',
    reason: isReady ? 'AllReady' : 'Starting',
    message: `${ready} of ${replicas} Pods are ready`,
  } as const;
  return {
    observedGeneration: object.metadata.generation ?? 0,
    readyReplicas: ready,
    conditions: withCondition(object.status?.conditions, condition, now),
  };
}
