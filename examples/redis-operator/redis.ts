/** The custom resource Redis: its schema is its type. */
import { conditionSchema, defineCustomResource, type Infer, schema } from '@kapella/controller';

export const redisSpec = schema.object(
  {
    replicas: schema.withDefault(schema.integer({ minimum: 1, maximum: 9 }), 1),
    image: schema.withDefault(schema.string({ minLength: 1 }), 'redis:7'),
    /** For example 64Mi; absent: as much as there is. */
    memory: schema.optional(schema.string({ pattern: '^[0-9]+(Mi|Gi)$' })),
    /** Whether the claims of its Pods outlive it. */
    keepData: schema.withDefault(schema.boolean(), true),
    settings: schema.optional(schema.map(schema.string())),
  },
  { description: 'What a user asks for.' },
);

export const redisStatus = schema.object({
  observedGeneration: schema.optional(schema.integer()),
  readyReplicas: schema.optional(schema.integer()),
  conditions: schema.optional(schema.array(conditionSchema, { mapKeys: ['type'] })),
});

export const redis = defineCustomResource({
  group: 'cache.example.com',
  version: 'v1',
  kind: 'Redis',
  plural: 'redises',
  shortNames: ['rd'],
  spec: redisSpec,
  status: redisStatus,
  columns: [
    { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' },
    { name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status' },
  ],
});

export type RedisSpec = Infer<typeof redisSpec>;
export type RedisStatus = Infer<typeof redisStatus>;
export type Redis = NonNullable<typeof redis.kind.__type>;
