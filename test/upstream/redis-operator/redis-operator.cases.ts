/** What a user of the operator does, and what a StatefulSet's controller would. */
import assert from 'node:assert/strict';
import type { Case } from '../support/cases.ts';
import type { Kubectl, Manifest } from '../support/commands.ts';
import type { BackgroundProcess } from '../support/processes.ts';

export interface RedisContext {
  readonly kubectl: Kubectl;
  readonly operator: BackgroundProcess;
}

const WITHIN_MS = 60_000;
const POLL_MS = 200;

const cache = (spec: object) => ({
  apiVersion: 'cache.example.com/v1',
  kind: 'Redis',
  metadata: { name: 'cache', namespace: 'default' },
  spec,
});

async function eventually<T>(
  what: string,
  { operator }: RedisContext,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const untilMs = performance.now() + WITHIN_MS;
  let last: unknown;
  while (performance.now() < untilMs) {
    await operator.check();
    try {
      const found = await probe();
      if (found !== undefined) return found;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  throw new Error(`waited ${WITHIN_MS / 1000} s until ${what}; the operator: ${operator.log()}`, { cause: last });
}

const isReady = ({ status }: Manifest) =>
  status?.conditions?.some(({ type, status: state }) => type === 'Ready' && state === 'True') === true;

export const REDIS_CASES: readonly Case<RedisContext>[] = [
  {
    name: 'its definition, its webhooks and its lease are there',
    async run(context) {
      const { kubectl } = context;
      await eventually('it leads', context, async () => {
        await kubectl('get crd redises.cache.example.com');
        await kubectl('get validatingwebhookconfigurations validation.redis.cache.example.com');
        return (await kubectl.get<Manifest>('lease redis-operator')).spec?.['holderIdentity'];
      });
    },
  },
  {
    name: 'a Redis becomes a StatefulSet, a Service and a ConfigMap; its webhook completes the image',
    async run(context) {
      const { kubectl } = context;
      await eventually('it is taken', context, async () =>
        kubectl.apply(cache({ replicas: 3, image: 'redis', memory: '64Mi' })),
      );
      const set = await eventually('its StatefulSet is there', context, () =>
        kubectl.get<Manifest>('statefulset redis-cache'),
      );
      assert.equal(set.spec?.['replicas'], 3);
      assert.equal((await kubectl.get<Manifest>('redis cache')).spec?.['image'], 'redis:7');
      await kubectl('get service redis-cache');
      const config = await kubectl.get<Manifest>('configmap redis-cache');
      assert.equal(config.data?.['redis.conf'], 'maxmemory 64mb\n');
    },
  },
  {
    name: 'what the validating webhook forbids is refused in its words',
    async run({ kubectl }) {
      await assert.rejects(
        kubectl.apply(cache({ replicas: 3, settings: { maxmemory: '1gb' } })),
        /spec\.settings: maxmemory follows from spec\.memory/,
      );
    },
  },
  {
    name: 'its status follows the StatefulSet',
    async run(context) {
      const { kubectl } = context;
      const { metadata } = await kubectl.get<{ readonly metadata: { readonly generation: number } }>(
        'statefulset redis-cache',
      );
      const status = { replicas: 3, readyReplicas: 3, observedGeneration: metadata.generation };
      await kubectl(
        `patch statefulset redis-cache --subresource status --type merge -p '${JSON.stringify({ status })}'`,
      );
      await eventually('it is ready', context, async () => {
        const found = await kubectl.get<Manifest>('redis cache');
        return isReady(found) ? found : undefined;
      });
    },
  },
  {
    name: 'other settings reach the template, more replicas the StatefulSet',
    async run(context) {
      const { kubectl } = context;
      await kubectl(`patch redis cache --type merge -p '{"spec":{"replicas":5,"settings":{"appendonly":"yes"}}}'`);
      await eventually('the StatefulSet has five', context, async () => {
        const found = await kubectl.get<Manifest>('statefulset redis-cache');
        return found.spec?.['replicas'] === 5 ? found : undefined;
      });
    },
  },
  {
    name: 'its finalizer holds it until its claims are gone',
    async run(context) {
      const { kubectl } = context;
      await kubectl.apply({
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: { name: 'data', labels: { 'app.kubernetes.io/instance': 'cache' } },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      });
      await kubectl(`patch redis cache --type merge -p '{"spec":{"keepData":false}}'`);
      await kubectl('delete redis cache --wait=true --timeout=60s');
      await eventually('its claim is to go', context, async () => {
        const out = await kubectl(
          'get pvc data --ignore-not-found -o jsonpath={.metadata.deletionTimestamp}/{.metadata.name}',
        );
        return out === '' || !out.startsWith('/') ? true : undefined;
      });
    },
  },
];
