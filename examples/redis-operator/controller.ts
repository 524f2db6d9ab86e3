/** Brings each Redis to what it asks for, and takes its data away with it where that is wanted. */
import { appsV1, coreV1 } from '@kapella/api';
import { type Ctx, formatTime } from '@kapella/base';
import {
  type Controller,
  type ControllerDeps,
  defineController,
  hasFinalizer,
  withFinalizer,
  withoutFinalizer,
} from '@kapella/controller';
import { planObjects, planStatus } from './plan.ts';
import { type Redis, redis } from './redis.ts';

const FINALIZER = 'cache.example.com/data';
const OWNER = { fieldManager: 'redis-operator', force: true };

export function createRedisController({ cache, client, events }: ControllerDeps): Controller {
  const finalize = async (object: Redis, ctx: Ctx) => {
    if (!hasFinalizer(object, FINALIZER)) return;
    if (!object.spec.keepData) {
      const labelSelector = `app.kubernetes.io/instance=${object.metadata.name}`;
      const { namespace = '' } = object.metadata;
      await client.deleteCollection(coreV1.PersistentVolumeClaim, { namespace, labelSelector }, ctx);
      events.event(object, 'Normal', 'DataDeleted', 'Its claims were deleted');
    }
    await client.update(redis.kind, withoutFinalizer(object, FINALIZER), ctx);
  };
  return defineController({
    name: 'redis',
    primary: redis.kind,
    owns: [appsV1.StatefulSet],
    async reconcile(key, ctx) {
      const object = cache.get(redis.kind, key);
      if (object === undefined) return {}; // gone: what it owned is collected
      if (object.metadata.deletionTimestamp !== undefined) {
        await finalize(object, ctx);
        return {};
      }
      if (!hasFinalizer(object, FINALIZER)) {
        await client.update(redis.kind, withFinalizer(object, FINALIZER), ctx);
        return {}; // its update comes back
      }
      const { configMap, service, statefulSet } = planObjects(object);
      await client.patch(coreV1.ConfigMap, configMap, { type: 'apply', body: configMap }, ctx, OWNER);
      await client.patch(coreV1.Service, service, { type: 'apply', body: service }, ctx, OWNER);
      const set = await client.patch(appsV1.StatefulSet, statefulSet, { type: 'apply', body: statefulSet }, ctx, OWNER);
      await client.patchStatus(redis.kind, object, planStatus(object, set, formatTime(ctx.clock.nowMs())), ctx);
      return {};
    },
  });
}
