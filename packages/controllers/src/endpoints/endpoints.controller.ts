/** Services with a selector get one Endpoints object of their Pods. Source: kubernetes pkg/controller/endpoint. */
import { coreV1 } from '@kapella/api';
import type { Endpoints, Service } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { hasManagedEndpoints, selectsLabels, servicesOfPod } from '../endpointslice/service-pods.ts';
import { DEFAULT_TUNING, type Tuning } from '../tuning.ts';
import { isNamespaceTerminating } from '../workload/index.ts';
import { isManaged, planEndpoints } from './plan-endpoints.ts';

const keyOfMeta = ({ metadata }: { readonly metadata: { readonly namespace?: string; readonly name: string } }) =>
  `${metadata.namespace}/${metadata.name}`;

export function createEndpointsController(
  { cache, client, events }: ControllerDeps,
  tuning: Tuning = DEFAULT_TUNING,
): Controller {
  /** Services seen to go: only then Endpoints that a user wrote go too. */
  const gone = new Set<string>();

  async function write(service: Service, current: Endpoints | undefined, ctx: Ctx): Promise<void> {
    const { namespace } = service.metadata;
    const { selector } = service.spec;
    const pods = cache.list(coreV1.Pod, namespace).filter((pod) => selectsLabels(selector, pod.metadata.labels));
    const next = planEndpoints(service, pods, current);
    if (next === undefined) return;
    try {
      if (current === undefined) await client.create(coreV1.Endpoints, next, ctx);
      else await client.update(coreV1.Endpoints, next as Endpoints, ctx);
    } catch (error) {
      // In a namespace that goes away every creation fails: nothing to try again.
      if (isNamespaceTerminating(error)) return;
      if (!isReason(error, 'Conflict', 'AlreadyExists')) report(service, current !== undefined, error);
      throw error;
    }
  }

  function report(service: Service, exists: boolean, error: unknown): void {
    const about = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { namespace: service.metadata.namespace ?? '', name: service.metadata.name },
    };
    const why = `${keyOfMeta(service)}: ${describeError(error)}`;
    if (exists) events.event(about, 'Warning', 'FailedToUpdateEndpoint', `Failed to update endpoint ${why}`);
    else events.event(about, 'Warning', 'FailedToCreateEndpoint', `Failed to create endpoint for service ${why}`);
  }

  return defineController({
    name: 'endpoints-controller',
    primary: coreV1.Service,
    watches: [
      {
        kind: coreV1.Pod,
        delayMs: tuning.endpointUpdatesBatchPeriodMs,
        keysOf: (pod, old, deleted) =>
          servicesOfPod(pod, old, deleted, cache.list(coreV1.Service, pod.metadata.namespace)),
      },
      {
        kind: coreV1.Service,
        keysOf(service, _old, deleted) {
          if (deleted) gone.add(keyOfMeta(service));
          return [];
        },
      },
      // Own writes come back here too: a plan made on an older state is looked at again.
      {
        kind: coreV1.Endpoints,
        keysOf: (endpoints, _old, deleted) => (deleted || isManaged(endpoints) ? [keyOfMeta(endpoints)] : []),
      },
    ],
    async reconcile(key, ctx) {
      const service = cache.get(coreV1.Service, key);
      const current = cache.get(coreV1.Endpoints, key);
      if (service === undefined) {
        const wasSeenToGo = gone.has(key);
        if (current === undefined || !(wasSeenToGo || isManaged(current))) {
          gone.delete(key);
          return {};
        }
        await client.delete(coreV1.Endpoints, current, ctx, { uid: current.metadata.uid }).catch((error) => {
          if (!isReason(error, 'NotFound', 'Conflict')) throw error;
        });
        gone.delete(key);
        return {};
      }
      gone.delete(key);
      if (hasManagedEndpoints(service)) await write(service, current, ctx);
      return {};
    },
  });
}
