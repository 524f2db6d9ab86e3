/** Asks the schedulers of others, one after the other. Source: kubernetes pkg/scheduler/extender.go, schedule_one.go. */
import type { Node, Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError } from '@kapella/base';
import type { PluginRejection } from '../framework/plugin.ts';
import type { PodState } from '../framework/pod-state.ts';
import type { Snapshot } from '../framework/snapshot.ts';
import type { Candidate } from '../preemption/candidates.ts';
import type {
  ExtenderBindingResult,
  ExtenderConfig,
  ExtenderFilterResult,
  ExtenderPreemptionResult,
  ExtenderTransport,
  HostPriorityList,
} from './types.ts';

/** The name under which a Pod waits when an extender refused nodes: any event helps it. */
export const EXTENDER = 'Extender';
/** Extenders score 0..10, plugins 0..100. */
const SCORE_FACTOR = 10;

export interface ExtenderFilterAnswer {
  readonly nodes: readonly Node[];
  readonly refusals: ReadonlyMap<string, PluginRejection>;
}

export class Extenders {
  readonly #configs: readonly ExtenderConfig[];
  readonly #transport: ExtenderTransport;

  constructor(configs: readonly ExtenderConfig[], transport: ExtenderTransport) {
    this.#configs = configs;
    this.#transport = transport;
  }

  /** Those that have something to say about the Pod. */
  interestedIn(pod: Pod): readonly ExtenderConfig[] {
    return this.#configs.filter(({ managedResources = [] }) => {
      const names = managedResources.map(({ name }) => name);
      return names.length === 0 || usesAny(pod, names);
    });
  }

  /** Rejects when one that must not be ignored fails. */
  async filter(pod: Pod, nodes: readonly Node[], ctx: Ctx): Promise<ExtenderFilterAnswer> {
    const refusals = new Map<string, PluginRejection>();
    let left = nodes;
    for (const config of this.interestedIn(pod)) {
      if (left.length === 0) break;
      if (!config.filterVerb) continue;
      try {
        left = await this.#filterBy(config, pod, left, refusals, ctx);
      } catch (error) {
        if (config.ignorable !== true) throw error;
        ctx.log.info('extender left out', { extender: config.urlPrefix, error: describeError(error) });
      }
    }
    return { nodes: left, refusals };
  }

  async #filterBy(
    config: ExtenderConfig,
    pod: Pod,
    nodes: readonly Node[],
    refusals: Map<string, PluginRejection>,
    ctx: Ctx,
  ): Promise<readonly Node[]> {
    const answer = (await this.#ask(config, config.filterVerb, { Pod: pod, ...nodesFor(config, nodes) }, ctx)) as
      | ExtenderFilterResult
      | undefined;
    if (answer?.Error) throw new Error(answer.Error);
    const refuse = (failed: Readonly<Record<string, string>> | undefined, code: PluginRejection['code']) => {
      for (const [name, reason] of Object.entries(failed ?? {})) {
        if (!refusals.has(name)) refusals.set(name, { code, reasons: [reason], plugin: EXTENDER });
      }
    };
    refuse(answer?.FailedAndUnresolvableNodes, 'UnschedulableAndUnresolvable');
    refuse(answer?.FailedNodes, 'Unschedulable');
    const names =
      config.nodeCacheCapable === true && answer?.NodeNames !== undefined
        ? answer.NodeNames
        : (answer?.Nodes?.items ?? []).map(({ metadata }) => metadata.name);
    const byName = new Map(nodes.map((node) => [node.metadata.name, node]));
    return names.map((name) => {
      const node = byName.get(name);
      if (node === undefined) {
        const what = `extender ${JSON.stringify(config.urlPrefix)} claims a filtered node ${JSON.stringify(name)}`;
        throw new Error(`${what} which is not found in the input node list`);
      }
      return node;
    });
  }

  /** Scores to add by node; an extender that fails gives none. */
  async prioritize(pod: Pod, nodes: readonly Node[], ctx: Ctx): Promise<ReadonlyMap<string, number>> {
    const totals = new Map<string, number>();
    const asked = this.interestedIn(pod).filter(({ prioritizeVerb }) => Boolean(prioritizeVerb));
    await Promise.all(
      asked.map(async (config) => {
        try {
          const body = { Pod: pod, ...nodesFor(config, nodes) };
          const list = (await this.#ask(config, config.prioritizeVerb, body, ctx)) as HostPriorityList | undefined;
          for (const { Host, Score } of list ?? []) {
            totals.set(Host, (totals.get(Host) ?? 0) + Score * (config.weight ?? 1) * SCORE_FACTOR);
          }
        } catch (error) {
          ctx.log.info('extender gave no scores', { extender: config.urlPrefix, error: describeError(error) });
        }
      }),
    );
    return totals;
  }

  /** Candidates that extenders leave, with the victims that they agree to. */
  async preempt(
    pod: PodState,
    found: readonly Candidate[],
    snapshot: Snapshot,
    ctx: Ctx,
  ): Promise<readonly Candidate[]> {
    let candidates = found;
    for (const config of this.interestedIn(pod.pod)) {
      if (!config.preemptVerb || candidates.length === 0) continue;
      try {
        const body = { Pod: pod.pod, ...victimsFor(config, candidates) };
        const answer = (await this.#ask(config, config.preemptVerb, body, ctx)) as ExtenderPreemptionResult | undefined;
        candidates = agreed(answer, candidates, snapshot);
      } catch (error) {
        if (config.ignorable !== true) throw error;
        ctx.log.info('extender left out', { extender: config.urlPrefix, error: describeError(error) });
      }
    }
    return candidates;
  }

  /** True when an extender bound the Pod. */
  async bind(pod: Pod, node: string, ctx: Ctx): Promise<boolean> {
    const config = this.interestedIn(pod).find(({ bindVerb }) => Boolean(bindVerb));
    if (config === undefined) return false;
    const { name, namespace, uid } = pod.metadata;
    const body = { PodName: name, PodNamespace: namespace, PodUID: uid, Node: node };
    const answer = (await this.#ask(config, config.bindVerb, body, ctx)) as ExtenderBindingResult | undefined;
    if (answer?.Error) throw new Error(answer.Error);
    return true;
  }

  #ask(config: ExtenderConfig, verb: string | undefined, body: object, ctx: Ctx): Promise<unknown> {
    return this.#transport(`${config.urlPrefix.replace(/\/+$/, '')}/${verb}`, body, config, ctx);
  }
}

function usesAny({ spec }: Pod, names: readonly string[]): boolean {
  return [...spec.containers, ...(spec.initContainers ?? [])].some(({ resources }) =>
    names.some(
      (name) => Object.hasOwn(resources?.requests ?? {}, name) || Object.hasOwn(resources?.limits ?? {}, name),
    ),
  );
}

function nodesFor({ nodeCacheCapable }: ExtenderConfig, nodes: readonly Node[]): object {
  if (nodeCacheCapable === true) return { NodeNames: nodes.map(({ metadata }) => metadata.name) };
  return { Nodes: { kind: 'NodeList', apiVersion: 'v1', metadata: {}, items: nodes } };
}

function victimsFor({ nodeCacheCapable }: ExtenderConfig, candidates: readonly Candidate[]): object {
  if (nodeCacheCapable === true) {
    const meta = candidates.map(({ node, victims, budgetViolations }) => [
      node,
      { Pods: victims.map(({ pod }) => ({ UID: pod.metadata.uid })), NumPDBViolations: budgetViolations },
    ]);
    return { NodeNameToMetaVictims: Object.fromEntries(meta) };
  }
  const whole = candidates.map(({ node, victims, budgetViolations }) => [
    node,
    { Pods: victims.map(({ pod }) => pod), NumPDBViolations: budgetViolations },
  ]);
  return { NodeNameToVictims: Object.fromEntries(whole) };
}

function agreed(
  answer: ExtenderPreemptionResult | undefined,
  candidates: readonly Candidate[],
  snapshot: Snapshot,
): readonly Candidate[] {
  return Object.entries(answer?.NodeNameToMetaVictims ?? {}).flatMap(([node, { Pods = [], NumPDBViolations = 0 }]) => {
    const known = [...(snapshot.nodes.get(node)?.pods.values() ?? [])];
    const proposed = candidates.find((candidate) => candidate.node === node)?.victims ?? [];
    const victims = Pods.flatMap(({ UID }) => {
      const victim = [...proposed, ...known].find(({ pod }) => pod.metadata.uid === UID);
      return victim === undefined ? [] : [victim];
    });
    return victims.length === 0 ? [] : [{ node, victims, budgetViolations: NumPDBViolations }];
  });
}
