/** Gives each node its pieces of the cluster's Pod networks. Source: kubernetes pkg/controller/nodeipam/ipam/range_allocator.go. */
import { coreV1 } from '@kapella/api';
import type { Node } from '@kapella/api/types/core-v1';
import { type Controller, type ControllerDeps, defineController } from '@kapella/controller';
import { CidrPool } from './cidr-pool.ts';

export interface NodeIpamOptions {
  /** One, or one of each family: a node gets a piece of each. */
  readonly clusterCidrs: readonly string[];
  /** Prefix lengths of a node's networks; absent: upstream's. */
  readonly prefixIpv4?: number;
  readonly prefixIpv6?: number;
  /** What of the cluster's networks Services have is not given to nodes. */
  readonly serviceCidrs?: readonly string[];
}

const FULL_RETRY_MS = 30_000;

export function createNodeIpamController(
  { cache, client, events }: ControllerDeps,
  { clusterCidrs, prefixIpv4 = 24, prefixIpv6 = 64, serviceCidrs = [] }: NodeIpamOptions,
): Controller {
  const pools = clusterCidrs.map((cidr) => poolOf(cidr, cidr.includes(':') ? prefixIpv6 : prefixIpv4));
  for (const cidr of serviceCidrs) for (const pool of pools) pool.hold(cidr);
  const networks = new NodeNetworks(pools);
  return defineController<Node>({
    name: 'node-ipam-controller',
    primary: coreV1.Node,
    concurrencyMax: 1,
    watches: [
      {
        // As soon as it is seen: nobody else must be given what a node has.
        kind: coreV1.Node,
        keysOf(node: Node, _old, deleted) {
          if (deleted) networks.note(node.metadata.name, []);
          else if (cidrsOf(node).length > 0) networks.note(node.metadata.name, cidrsOf(node));
          return [];
        },
      },
    ],
    async reconcile(name, ctx) {
      const node = cache.get(coreV1.Node, name);
      if (node === undefined || cidrsOf(node).length > 0) return {};
      const cidrs = networks.of(name);
      if (cidrs === undefined) {
        events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${name} status is now: CIDRNotAvailable`);
        return { requeueAfterMs: FULL_RETRY_MS };
      }
      const body = { spec: { podCIDR: cidrs[0], podCIDRs: cidrs } };
      await client.patch(coreV1.Node, node, { type: 'strategic', body }, ctx);
      return {};
    },
  });
}

/** By node name: what it has, or was given while the cache may not show it yet. */
class NodeNetworks {
  readonly #pools: readonly CidrPool[];
  readonly #held = new Map<string, readonly string[]>();

  constructor(pools: readonly CidrPool[]) {
    this.#pools = pools;
  }

  /** The node has these, none once it is gone. */
  note(name: string, cidrs: readonly string[]): void {
    const before = this.#held.get(name) ?? [];
    const added = cidrs.filter((cidr) => !before.includes(cidr));
    const left = before.filter((cidr) => !cidrs.includes(cidr));
    for (const pool of this.#pools) {
      for (const cidr of added) pool.hold(cidr);
      for (const cidr of left) pool.release(cidr);
    }
    if (cidrs.length > 0) this.#held.set(name, cidrs);
    else this.#held.delete(name);
  }

  /** Of each pool one, given now where the node has none. Undefined: a pool is empty, and nothing is taken. */
  of(name: string): readonly string[] | undefined {
    const held = this.#held.get(name);
    if (held !== undefined) return held;
    const taken = this.#pools.map((pool) => pool.take());
    const cidrs = taken.filter((cidr) => cidr !== undefined);
    if (cidrs.length === this.#pools.length) {
      this.#held.set(name, cidrs);
      return cidrs;
    }
    for (const [i, cidr] of taken.entries()) if (cidr !== undefined) this.#pools[i]?.release(cidr);
    return undefined;
  }
}

function poolOf(cidr: string, nodePrefix: number): CidrPool {
  const pool = CidrPool.of(cidr, nodePrefix);
  if (pool !== undefined) return pool;
  throw new Error(`${JSON.stringify(cidr)} cannot be cut into networks /${nodePrefix} for nodes`);
}

const cidrsOf = ({ spec: { podCIDR, podCIDRs } }: Node): readonly string[] => podCIDRs ?? (podCIDR ? [podCIDR] : []);
