/** Has a cloud tell about new nodes, and removes those that it no longer has. Source: cloud-provider/controllers/{node,nodelifecycle}. */
import { coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason, sleep } from '@kapella/base';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import type { Instances } from '../cloud/cloud-provider.ts';
import { initialized, isUninitialized, missingLabels, plannedAddresses, SHUTDOWN_TAINT } from './plan-cloud-node.ts';

const ADDRESSES_MS = 300_000; // upstream's --node-status-update-frequency
const MONITOR_MS = 5_000; // upstream's --node-monitor-period

export function createCloudNodeController({ cache, client, events }: ControllerDeps, instances: Instances): Controller {
  const writeAddresses = async (node: Node, found: Parameters<typeof plannedAddresses>[1], ctx: Ctx) => {
    const addresses = plannedAddresses(node, found);
    if (addresses === undefined) return;
    await client.patchStatus(coreV1.Node, node, { ...node.status, addresses }, ctx);
  };
  return defineController<Node>({
    name: 'cloud-node-controller',
    primary: coreV1.Node,
    concurrencyMax: 1,
    async reconcile(name, ctx) {
      const node = cache.get(coreV1.Node, name);
      if (node === undefined) return {};
      if (!isUninitialized(node)) {
        const labels = missingLabels(node);
        if (labels !== undefined)
          await client.patch(coreV1.Node, node, { type: 'strategic', body: { metadata: { labels } } }, ctx);
        return {};
      }
      const metadata = await instances.metadata(node, ctx);
      if (metadata.providerId === '' && !node.spec.providerID)
        throw new Error(`cloud provider does not set node provider ID for node ${name}`);
      plannedAddresses(node, metadata.addresses); // an address that the cloud does not know keeps the node out
      const written = await client.update(coreV1.Node, initialized(node, metadata), ctx);
      await writeAddresses(written, metadata.addresses, ctx);
      events.event(node, 'Normal', 'Synced', 'Node synced successfully');
      return {};
    },
    async background(ctx) {
      for (;;) {
        await sleep(ADDRESSES_MS, ctx);
        for (const node of cache.list(coreV1.Node)) {
          if (isUninitialized(node)) continue;
          try {
            await writeAddresses(node, (await instances.metadata(node, ctx)).addresses, ctx);
          } catch (error) {
            ctx.signal.throwIfAborted();
            ctx.log.warn('addresses of node not updated', { node: node.metadata.name, cause: describeError(error) });
          }
        }
      }
    },
  });
}

export function createCloudNodeLifecycleController(deps: ControllerDeps, instances: Instances): Controller {
  return defineController<Node>({
    name: 'cloud-node-lifecycle-controller',
    primary: coreV1.Node,
    primaryChanged: () => false,
    reconcile: async () => ({}),
    async background(ctx) {
      for (;;) {
        for (const node of deps.cache.list(coreV1.Node)) {
          try {
            await look(deps, instances, node, ctx);
          } catch (error) {
            ctx.signal.throwIfAborted();
            ctx.log.warn('node not looked after', { node: node.metadata.name, cause: describeError(error) });
          }
        }
        await sleep(MONITOR_MS, ctx);
      }
    },
  });
}

/** A node that is ready exists, whatever the cloud says. */
async function look({ client, events }: ControllerDeps, instances: Instances, node: Node, ctx: Ctx): Promise<void> {
  const isReady = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  const { name } = node.metadata;
  const taints = node.spec.taints ?? [];
  const hasTaint = taints.some(({ key }) => key === SHUTDOWN_TAINT.key);
  if (isReady) {
    if (!hasTaint) return;
    const rest = taints.filter(({ key }) => key !== SHUTDOWN_TAINT.key);
    await client.update(coreV1.Node, { ...node, spec: { ...node.spec, taints: rest } }, ctx);
    return;
  }
  if (await instances.exists(node, ctx)) {
    if (hasTaint || !(await instances.isShutDown(node, ctx))) return;
    await client.update(coreV1.Node, { ...node, spec: { ...node.spec, taints: [...taints, SHUTDOWN_TAINT] } }, ctx);
    return;
  }
  const why = `Deleting node ${name} because it does not exist in the cloud provider`;
  events.event(node, 'Normal', 'DeletingNode', why);
  try {
    await client.delete(coreV1.Node, node, ctx);
  } catch (error) {
    if (isReason(error, 'NotFound')) return;
    events.event(node, 'Warning', 'DeletingNodeFailed', `Failed deleting node ${name}: ${describeError(error)}`);
    throw error;
  }
}
