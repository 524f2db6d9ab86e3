/** Has a cloud make, change and remove load balancers of Services. Source: cloud-provider/controllers/service/controller.go. */
import { coreV1 } from '@kapella/api';
import type { LoadBalancerStatus, Node, Service } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController, type ReconcileResult } from '@kapella/controller';
import { type LoadBalancer, RetryAfterError } from '../cloud/cloud-provider.ts';
import { semanticEqual } from '../shared/values.ts';
import {
  isBackend,
  LB_FINALIZER,
  needsCleanup,
  needsUpdate,
  nodeChanged,
  nodeNamesText,
  sameNodes,
  wantsLoadBalancer,
} from './plan-service-lb.ts';

/** Keys of Services whose nodes are to be looked at, among those of Services. */
const NODES = 'nodes:';
/** Its role may write nothing else of a Service; metadata is written this way as well. */
const STATUS = { subresource: 'status' } as const;

interface Known {
  readonly service: Service;
  readonly nodes: readonly Node[];
}

interface Parts extends ControllerDeps {
  readonly balancer: LoadBalancer;
  /** Services whose balancers were made, by key: what is gone must still be cleaned up. */
  readonly known: Map<string, Known>;
}

export function createServiceLbController(deps: ControllerDeps, balancer: LoadBalancer): Controller {
  const parts: Parts = { ...deps, balancer, known: new Map() };
  return defineController<Service>({
    name: 'service-lb-controller',
    primary: coreV1.Service,
    primaryChanged: (next, old) => needsUpdate(next, old) || needsCleanup(next),
    watches: [
      {
        kind: coreV1.Node,
        keysOf(node: Node, old: Node | undefined, deleted: boolean) {
          const concerns = deleted || old === undefined || nodeChanged(node, old);
          return concerns ? [...parts.known.keys()].map((key) => `${NODES}${key}`) : [];
        },
      },
    ],
    concurrencyMax: 1, // upstream's --concurrent-service-syncs
    retryMinMs: 5_000,
    retryMaxMs: 300_000,
    async reconcile(key, ctx) {
      if (key.startsWith(NODES)) {
        await syncNodes(parts, key.slice(NODES.length), ctx);
        return {};
      }
      return sync(parts, key, ctx);
    },
  });
}

async function sync(parts: Parts, key: string, ctx: Ctx): Promise<ReconcileResult> {
  const { cache, events, known } = parts;
  const service = cache.get(coreV1.Service, key);
  const before = known.get(key)?.service;
  if (service === undefined || (before !== undefined && before.metadata.uid !== service.metadata.uid)) {
    if (before !== undefined) await removeOf(parts, before, ctx);
    known.delete(key);
  }
  if (service === undefined || (!wantsLoadBalancer(service) && !needsCleanup(service))) return {};
  try {
    if (!wantsLoadBalancer(service) || needsCleanup(service)) {
      await cleanUp(parts, service, ctx);
      known.delete(key);
    } else await ensure(parts, key, service, ctx);
    return {};
  } catch (error) {
    events.event(service, 'Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: ${describeError(error)}`);
    if (error instanceof Error && error.cause instanceof RetryAfterError)
      return { requeueAfterMs: error.cause.afterMs };
    throw error;
  }
}

async function ensure(parts: Parts, key: string, service: Service, ctx: Ctx): Promise<void> {
  const { cache, client, events, balancer, known } = parts;
  events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer');
  const finalizers = service.metadata.finalizers ?? [];
  if (!finalizers.includes(LB_FINALIZER)) {
    await failing('failed to add load balancer cleanup finalizer', () =>
      client.patch(coreV1.Service, service, finalizerPatch(service, [...finalizers, LB_FINALIZER]), ctx, STATUS),
    );
  }
  const nodes = cache.list(coreV1.Node).filter(isBackend);
  if (nodes.length === 0) tellNoNodes(parts, service);
  known.set(key, { service, nodes });
  const status = await failing('failed to ensure load balancer', () => balancer.ensure(service, nodes, ctx));
  events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer');
  await writeStatus(parts, service, status, ctx);
}

async function cleanUp(parts: Parts, service: Service, ctx: Ctx): Promise<void> {
  const { client, events, balancer } = parts;
  const present = await failing('failed to check if load balancer exists before cleanup', () =>
    balancer.get(service, ctx),
  );
  if (present !== undefined) {
    events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
    await failing('failed to delete load balancer', () => balancer.ensureDeleted(service, ctx));
  }
  const finalizers = (service.metadata.finalizers ?? []).filter((name) => name !== LB_FINALIZER);
  await failing('failed to remove load balancer cleanup finalizer', () =>
    client.patch(coreV1.Service, service, finalizerPatch(service, finalizers), ctx, STATUS),
  );
  await writeStatus(parts, service, {}, ctx);
  events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
}

/** Of a Service that is gone without its finalizer, or that another of its name stands in for. */
async function removeOf({ events, balancer }: Parts, service: Service, ctx: Ctx): Promise<void> {
  if (!wantsLoadBalancer(service)) return;
  events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer');
  try {
    await balancer.ensureDeleted(service, ctx);
  } catch (error) {
    events.event(
      service,
      'Warning',
      'DeleteLoadBalancerFailed',
      `Error deleting load balancer: ${describeError(error)}`,
    );
    throw error;
  }
  events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer');
}

async function syncNodes(parts: Parts, key: string, ctx: Ctx): Promise<void> {
  const { cache, events, balancer, known } = parts;
  const entry = known.get(key);
  const service = cache.get(coreV1.Service, key);
  if (entry === undefined || service === undefined || !wantsLoadBalancer(service)) return;
  const nodes = cache.list(coreV1.Node).filter(isBackend);
  known.set(key, { service, nodes });
  if (sameNodes(entry.nodes, nodes)) return;
  try {
    await balancer.update(service, nodes, ctx);
  } catch (error) {
    known.set(key, entry); // so that the next try sees a difference
    const what = `${nodeNamesText(nodes)} [node names limited, total number of nodes: ${nodes.length}]`;
    const message = `Error updating load balancer with new hosts ${what}, error: ${describeError(error)}`;
    events.event(service, 'Warning', 'UpdateLoadBalancerFailed', message);
    throw error;
  }
  if (nodes.length === 0) tellNoNodes(parts, service);
  else events.event(service, 'Normal', 'UpdatedLoadBalancer', 'Updated load balancer with new hosts');
  const status = await balancer.get(service, ctx);
  if (status !== undefined) await writeStatus(parts, service, status, ctx);
}

function tellNoNodes({ events }: Parts, service: Service): void {
  events.event(service, 'Warning', 'UnAvailableLoadBalancer', 'There are no available nodes for LoadBalancer');
}

async function writeStatus({ client }: Parts, service: Service, loadBalancer: LoadBalancerStatus, ctx: Ctx) {
  if (semanticEqual(withoutModes(service.status?.loadBalancer), withoutModes(loadBalancer))) return;
  const body = { status: { loadBalancer: { ingress: loadBalancer.ingress ?? null } } };
  try {
    await client.patch(coreV1.Service, service, { type: 'merge', body }, ctx, STATUS);
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw new Error('failed to update load balancer status', { cause: error });
  }
}

/** The API server fills in the mode. */
function withoutModes(status: LoadBalancerStatus | undefined) {
  return (status?.ingress ?? []).map(({ ipMode, ...rest }) => ({ ...rest, ...(ipMode !== 'VIP' && { ipMode }) }));
}

function finalizerPatch({ metadata }: Service, finalizers: readonly string[]) {
  const { uid, resourceVersion } = metadata;
  return { type: 'merge' as const, body: { metadata: { uid, resourceVersion, finalizers } } };
}

/** With upstream's words before the cloud's own. */
async function failing<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(what, { cause: error });
  }
}
