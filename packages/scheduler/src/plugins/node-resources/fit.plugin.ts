/** Requests must fit what the node has left. Source: kubernetes …/plugins/noderesources/fit.go. */
import type { KubeObject } from '@kapella/api';
import type { Node, Pod } from '@kapella/api/types/core-v1';
import type { DeviceClass } from '@kapella/api/types/resource-v1';
import type { ClusterEvent } from '../../framework/cluster-events.ts';
import { deviceBacked, standsFor } from '../../framework/device-classes.ts';
import { isOnNode, isSamePod, nodesOf, podsOf } from '../../framework/hints.ts';
import type { NodeState } from '../../framework/node-state.ts';
import { type PluginFactory, type Rejection, unresolvable, unschedulable } from '../../framework/plugin.ts';
import type { PodState } from '../../framework/pod-state.ts';
import {
  type Amounts,
  amountsOf,
  MEMORY_BYTES_DEFAULT,
  MILLICPU_DEFAULT,
  podRequests,
} from '../../framework/resources.ts';
import {
  isScalarResource,
  type ResourceScore,
  resourceScoreOf,
  type ScoredResource,
  type ScoringStrategy,
  usedOf,
} from './scoring.ts';

export interface NodeResourcesFitArgs {
  readonly ignoredResources?: readonly string[];
  /** Prefixes: `example.com` stands for `example.com/gpu`. */
  readonly ignoredResourceGroups?: readonly string[];
  readonly scoringStrategy: ScoringStrategy;
}

type Wanted = readonly (readonly [resource: string, amount: number])[];

export const nodeResourcesFit: PluginFactory<NodeResourcesFitArgs> = {
  name: 'NodeResourcesFit',
  create({ ignoredResources = [], ignoredResourceGroups = [], scoringStrategy }, { lookup }) {
    const isIgnored = (resource: string) =>
      resource.includes('/') &&
      (ignoredResources.includes(resource) || ignoredResourceGroups.includes(resource.split('/')[0] as string));
    const scoreResource = resourceScoreOf(scoringStrategy);
    const isRatio = scoringStrategy.type === 'RequestedToCapacityRatio';
    return {
      name: 'NodeResourcesFit',
      events: [
        { resource: 'Pod', actions: ['Delete', 'UpdatePodScaleDown'], hint: isRoomMade },
        {
          resource: 'Node',
          actions: ['Add', 'UpdateNodeAllocatable'],
          hint: (pod, event) => isNodeGrown(pod, event, deviceBacked(pod.requests.keys(), lookup)),
        },
        { resource: 'DeviceClass', actions: ['Add', 'Update'], hint: isClassWanted },
      ],
      preFilter({ requests }) {
        const backed = deviceBacked(requests.keys(), lookup);
        const wanted = inOrder(requests).filter(([resource, amount]) => amount > 0 && !isIgnored(resource));
        const shortages = new Shortages(wanted, backed);
        return { filter: (node) => shortages.refusal(node) };
      },
      preScore({ pod }) {
        const missing: Amounts = new Map([
          ['cpu', MILLICPU_DEFAULT],
          ['memory', MEMORY_BYTES_DEFAULT],
        ]);
        // Upstream's scorer looks at containers alone, and not at a resize under way: resource_allocation.go.
        const requests = podRequests(pod, { missing, containersOnly: true });
        const resources: ScoredResource[] = scoringStrategy.resources
          .map(({ name, weight }) => ({ name, weight, amount: requests.get(name) ?? 0 }))
          .filter(({ name, amount }) => amount > 0 || !isScalarResource(name));
        return { score: (node) => scoreNode(node, resources, scoreResource, isRatio) };
      },
    };
  },
};

function scoreNode(
  node: NodeState,
  resources: readonly ScoredResource[],
  scoreResource: ResourceScore,
  isRatio: boolean,
): number {
  let sum = 0;
  let weights = 0;
  for (const { name, weight, amount } of resources) {
    const capacity = node.allocatable(name);
    if (capacity === 0) continue;
    const score = scoreResource(usedOf(node, name, true) + amount, capacity);
    if (isRatio && score <= 0) continue;
    sum += score * weight;
    weights += weight;
  }
  if (weights === 0) return 0;
  return isRatio ? Math.round(sum / weights) : Math.trunc(sum / weights);
}

/** CPU, memory, storage, then the others: the order in which shortages are told. */
function inOrder(requests: Amounts): Wanted {
  const first = ['cpu', 'memory', 'ephemeral-storage'];
  const rest = [...requests.keys()].filter((resource) => !first.includes(resource));
  return [...first, ...rest].map((resource) => [resource, requests.get(resource) ?? 0] as const);
}

/** What a Pod lacks on a node. Upstream names every shortage; each is one reason. */
class Shortages {
  readonly #wanted: Wanted;
  /** Resources that device classes stand for: a node that has none of its own may have devices. */
  readonly #backed: ReadonlySet<string>;
  /** Nodes fall short in few ways: one refusal for each. By the bits of what is short, negative where unresolvable. */
  readonly #refusals = new Map<number, Rejection>();

  constructor(wanted: Wanted, backed: ReadonlySet<string>) {
    this.#wanted = wanted;
    this.#backed = backed;
  }

  refusal({ columns, slot }: NodeState): Rejection | undefined {
    let short = (columns.podCount[slot] as number) + 1 > (columns.podCountMax[slot] as number) ? 1 : 0;
    let isResolvable = true;
    const wanted = this.#wanted;
    for (let i = 0; i < wanted.length; i++) {
      const [resource, amount] = wanted[i] as Wanted[number];
      const column = columns.resources.get(resource);
      const allocatable = column?.allocatable[slot] ?? 0;
      if (amount <= allocatable - (column?.requested[slot] ?? 0)) continue;
      if (allocatable === 0 && this.#backed.has(resource)) continue;
      short += 2 ** (i + 1);
      if (amount > allocatable) isResolvable = false;
    }
    return short === 0 ? undefined : this.#refusalOf(short, isResolvable);
  }

  #refusalOf(short: number, isResolvable: boolean): Rejection {
    const key = isResolvable ? short : -short;
    let refusal = this.#refusals.get(key);
    if (refusal === undefined) {
      const isShort = (bit: number) => Math.trunc(short / 2 ** bit) % 2 === 1;
      const reasons = this.#wanted.filter((_, i) => isShort(i + 1)).map(([resource]) => `Insufficient ${resource}`);
      if (isShort(0)) reasons.unshift('Too many pods');
      refusal = isResolvable ? unschedulable(...reasons) : unresolvable(...reasons);
      this.#refusals.set(key, refusal);
    }
    return refusal;
  }
}

function isRoomMade(waiting: PodState, event: ClusterEvent): boolean {
  const { old, now } = podsOf(event);
  if (now === undefined) return isOnNode(old);
  if (isSamePod(waiting, event)) return true;
  return Boolean(now.spec.nodeName) && old !== undefined && needsLess(waiting, old, now);
}

function needsLess({ requests }: PodState, old: Pod, now: Pod): boolean {
  const before = podRequests(old, { useStatus: true });
  const after = podRequests(now, { useStatus: true });
  for (const [resource, amount] of requests) {
    if (amount > 0 && (before.get(resource) ?? 0) > (after.get(resource) ?? 0)) return true;
  }
  return false;
}

/** The empty node would do, and has more than before of something that the Pod asks for. */
function isNodeGrown({ requests }: PodState, event: ClusterEvent, backed: ReadonlySet<string>): boolean {
  const { old, now } = nodesOf(event);
  const have = (node: Node | undefined) => amountsOf(node?.status?.allocatable);
  const [before, after] = [have(old), have(now)];
  const wanted = [...requests, ['pods', 1] as const].filter(([, amount]) => amount > 0);
  const isShort = ([resource, amount]: readonly [string, number]) => {
    const has = after.get(resource) ?? 0;
    return amount > has && !(has === 0 && backed.has(resource));
  };
  if (wanted.some(isShort)) return false;
  const mayHaveMore = ([resource]: readonly [string, number]) =>
    (after.get(resource) ?? 0) > (before.get(resource) ?? 0) || (!after.get(resource) && backed.has(resource));
  return old === undefined || wanted.some(mayHaveMore);
}

/** A class now stands for a resource that the Pod asks for. */
function isClassWanted({ requests }: PodState, { old, new: now }: ClusterEvent): boolean {
  const resources = [...requests.keys()];
  const of = (object: KubeObject | undefined) =>
    resources.filter((resource) => object !== undefined && standsFor(object as DeviceClass, resource));
  return of(now).length > 0 && of(now).join() !== of(old).join();
}
