/** Services with a selector get EndpointSlices of their Pods. Source: kubernetes pkg/controller/endpointslice. */
import { coreV1, discoveryV1 } from '@kapella/api';
import { describeError, isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { createOwnWrites, OWN_WRITE_MS_MAX } from './own-writes.ts';
import { ENDPOINT_SLICE_MANAGER, planService } from './plan-service.ts';
import { hasManagedEndpoints, selectsLabels, servicesOfPod } from './service-pods.ts';
import { slicesOf, watchSlices, writeSlices } from './write-slices.ts';

/** A Pod's node was not known: its informer may be behind. */
const NODE_RETRY_MS = 500;

export function createEndpointSliceController(
  { cache, client, events }: ControllerDeps,
  tuning: Tuning = DEFAULT_TUNING,
): Controller {
  const writes = createOwnWrites();
  return defineController({
    name: 'endpointslice-controller',
    primary: coreV1.Service,
    watches: [
      {
        kind: coreV1.Pod,
        delayMs: tuning.endpointsliceUpdatesBatchPeriodMs,
        keysOf: (pod, old, deleted) =>
          servicesOfPod(pod, old, deleted, cache.list(coreV1.Service, pod.metadata.namespace)),
      },
      watchSlices(ENDPOINT_SLICE_MANAGER, writes),
    ],
    reads: [coreV1.Node, discoveryV1.EndpointSlice],
    async reconcile(key, ctx) {
      const service = cache.get(coreV1.Service, key);
      if (service === undefined) writes.forget(key); // gone: the garbage collector removes its slices
      if (service === undefined || !hasManagedEndpoints(service)) return {};
      const { namespace } = service.metadata;
      const { selector } = service.spec;
      const pods = cache.list(coreV1.Pod, namespace).filter((pod) => selectsLabels(selector, pod.metadata.labels));
      const slices = writes.over(key, slicesOf(cache, ENDPOINT_SLICE_MANAGER, key), ctx.clock.monotonicMs());
      const nodeLabels = (name: string) => {
        const node = cache.get(coreV1.Node, name);
        return node === undefined ? undefined : (node.metadata.labels ?? {});
      };
      const plan = planService({ service, pods, slices, nodeLabels, endpointsMax: tuning.maxEndpointsPerSlice });
      try {
        await writeSlices(client, writes, key, plan, ctx);
      } catch (error) {
        if (!isReason(error, 'Conflict', 'NotFound')) {
          const why = `Error updating Endpoint Slices for Service ${key}: ${describeError(error)}`;
          events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', why);
        }
        throw error;
      }
      if (plan.isIncomplete) return { requeueAfterMs: NODE_RETRY_MS };
      return writes.isAhead(key) ? { requeueAfterMs: OWN_WRITE_MS_MAX + 1 } : {};
    },
  });
}
