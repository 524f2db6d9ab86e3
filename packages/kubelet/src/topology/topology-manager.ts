/**
 * Gives the resources of a Pod from NUMA nodes that suit all of them: asks each manager where it could, merges the answers
 * by the policy, then lets each give. Source: kubernetes pkg/kubelet/cm/topologymanager (scope_container, scope_pod).
 */
import type { Container, Pod } from '@kapella/api/types/core-v1';
import type { Ctx } from '@kapella/base';
import { combineGrants, type GrantManager } from '../grants/grants.ts';
import type { Rejection } from '../lifecycle/admission.ts';
import { type Hint, type Hints, mergeHints, type NumaNode, type TopologyPolicy } from './hints.ts';
import { parseTopologyOptions } from './topology-options.ts';

/** One kind of resource that has places. All is synchronous up to `allocate`; one Pod at a time. */
export interface HintProvider extends Omit<GrantManager, 'admit'> {
  hints(pod: Pod, container: Container): Hints;
  /** For the Pod as a whole. */
  podHints(pod: Pod): Hints;
  /** Throws an Error, or an AllocationError with a reason of its own. What is held already stays. */
  allocate(pod: Pod, container: Container, hint: Hint, ctx: Ctx): Promise<void>;
  /** All containers of the Pod have what they need. */
  settle(pod: Pod, ctx: Ctx): Promise<void>;
}

/** Rejects the Pod with a reason other than UnexpectedAdmissionError. */
export class AllocationError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

export interface TopologySettings {
  readonly policy: TopologyPolicy;
  readonly scope: 'container' | 'pod';
  readonly options: Readonly<Record<string, string>>;
  readonly nodes: readonly NumaNode[];
  readonly counters?: TopologyCounters;
}

export interface TopologyCounters {
  topologyAdmission(milliseconds: number, isRefused: boolean): void;
}

const NO_HINT: Hint = { mask: undefined, preferred: false };

/** Throws when the options do not suit the machine. */
export function createTopologyManager(settings: TopologySettings, providers: readonly HintProvider[]): GrantManager {
  const { policy, scope, nodes, counters } = settings;
  const { preferClosest, nodesMax } = parseTopologyOptions(policy === 'none' ? {} : settings.options);
  if (policy !== 'none' && nodes.length > nodesMax) {
    throw new Error(`the topology manager does not work on machines with more than ${nodesMax} NUMA nodes`);
  }
  const merged = (all: readonly Hints[]): Hint => {
    const { hint, isAdmitted } = mergeHints(all, { policy, nodes, preferClosest });
    if (isAdmitted) return hint;
    throw new AllocationError('TopologyAffinityError', 'Resources cannot be allocated with Topology locality');
  };

  async function allocate(pod: Pod, ctx: Ctx): Promise<void> {
    const isTogether = policy !== 'none' && scope === 'pod';
    const together = isTogether ? merged(providers.map((provider) => provider.podHints(pod))) : undefined;
    for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers]) {
      const own = () => merged(providers.map((provider) => provider.hints(pod, container)));
      const hint = policy === 'none' ? NO_HINT : (together ?? own());
      for (const provider of providers) await provider.allocate(pod, container, hint, ctx);
    }
    for (const provider of providers) await provider.settle(pod, ctx);
  }

  const admitOne = async (pod: Pod, ctx: Ctx): Promise<Rejection | undefined> => {
    const startMs = ctx.clock.monotonicMs();
    const count = (isRefused: boolean) =>
      policy === 'none' ? undefined : counters?.topologyAdmission(ctx.clock.monotonicMs() - startMs, isRefused);
    try {
      await allocate(pod, ctx);
      count(false);
      return undefined;
    } catch (error) {
      ctx.signal.throwIfAborted();
      count(true);
      for (const provider of providers) await provider.release(pod.metadata.uid, ctx);
      return rejectionOf(error);
    }
  };

  let turn: Promise<unknown> = Promise.resolve();
  return {
    ...combineGrants(providers),
    /** One at a time: two Pods must not be given one thing. */
    admit(pod, ctx) {
      const done = turn.then(() => admitOne(pod, ctx));
      turn = done.catch(() => {});
      return done;
    },
  };
}

function rejectionOf(error: unknown): Rejection {
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof AllocationError) return { reason: error.reason, message: why };
  return { reason: 'UnexpectedAdmissionError', message: `Allocate failed due to ${why}, which is unexpected` };
}
