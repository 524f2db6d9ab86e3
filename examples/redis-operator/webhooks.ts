/** What the schema cannot say. */
import { defineWebhook } from '@kapella/controller';
import type { Redis } from './redis.ts';

const rules = [
  {
    apiGroups: ['cache.example.com'],
    apiVersions: ['v1'],
    resources: ['redises'],
    operations: ['CREATE', 'UPDATE'],
  },
] as const;

/** Images without a tag move under a running cluster: they get one. */
export const defaults = defineWebhook<Redis>({
  name: 'defaults.redis.cache.example.com',
  type: 'mutating',
  rules,
  review({ object }) {
    if (object === undefined || object.spec.image.includes(':')) return { allowed: true };
    return { allowed: true, object: { ...object, spec: { ...object.spec, image: `${object.spec.image}:7` } } };
  },
});

export const validation = defineWebhook<Redis>({
  name: 'validation.redis.cache.example.com',
  type: 'validating',
  rules,
  review({ object, oldObject }) {
    if (object?.spec.settings?.['maxmemory'] !== undefined)
      return { allowed: false, message: 'spec.settings: maxmemory follows from spec.memory' };
    const isGrowing = (oldObject?.spec.replicas ?? 0) < (object?.spec.replicas ?? 0);
    const warnings =
      isGrowing && object?.spec.memory === undefined ? ['spec.memory is not set: a Pod may take all'] : [];
    return { allowed: true, warnings };
  },
});

export const webhooks = [defaults, validation];
