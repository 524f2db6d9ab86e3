/** Gives each node its piece of the cluster's Pod network. Source: kubernetes pkg/controller/nodeipam/ipam/range_allocator.go. */
import { coreV1 } from '@kapella/api';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';

/** Prefix length of a node's network, upstream's default of --node-cidr-mask-size. */
const NODE_PREFIX = 24;

export function createNodeIpamController(
  { cache, client, events }: ControllerDeps,
  clusterCidr: string,
  nodePrefix = NODE_PREFIX,
): Controller {
  /** By node name: what was given away but the cache may not show yet. */
  const given = new Map<string, string>();
  return defineController({
    name: 'node-ipam-controller',
    primary: coreV1.Node,
    concurrencyMax: 1, // two nodes must not be given one network
    async reconcile(name, ctx) {
      const node = cache.get(coreV1.Node, name);
      if (node === undefined || node.spec.podCIDR) {
        given.delete(name);
        return {};
      }
      const taken = new Set(cache.list(coreV1.Node).flatMap((other) => other.spec.podCIDR ?? []));
      for (const [other, cidr] of given) if (other !== name) taken.add(cidr);
      const free = given.get(name) ?? firstFreeCidr(clusterCidr, taken, nodePrefix);
      if (free === undefined) {
        events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
        return { requeueAfterMs: 30_000 };
      }
      given.set(name, free);
      const body = { spec: { podCIDR: free, podCIDRs: [free] } };
      await client.patch(coreV1.Node, node, { type: 'strategic', body }, ctx);
      return {};
    },
  });
}

/** Pure: the lowest network of the node size that nobody has. A cluster network smaller than that goes to one node whole. */
export function firstFreeCidr(
  clusterCidr: string,
  taken: ReadonlySet<string>,
  nodePrefix = NODE_PREFIX,
): string | undefined {
  const [address = '', prefixText = '16'] = clusterCidr.split('/');
  const clusterPrefix = Number(prefixText);
  const prefix = Math.max(nodePrefix, clusterPrefix);
  const base = address.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0);
  for (let i = 0; i < 2 ** (prefix - clusterPrefix); i++) {
    const value = base + i * 2 ** (32 - prefix);
    const cidr = `${[24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.')}/${prefix}`;
    if (!taken.has(cidr)) return cidr;
  }
  return undefined;
}
