/** Hollow nodes by the dozen or by the thousand, over one watch: `hollow-0`, `hollow-1`, … */
import { coreV1 } from '@kapella/api';
import type { Service, Taint } from '@kapella/api/types/core-v1';
import type { UserInfo } from '@kapella/apiserver';
import { type Ctx, describeError } from '@kapella/base';
import {
  type ApiResponse,
  createCache,
  createClient,
  createEventRecorder,
  type RunningEventRecorder,
  type Transport,
} from '@kapella/client';
import { MASTER } from '@kapella/control-plane';
import { createObjectCache, type FakeCri } from '@kapella/kubelet';
import { defaultBehaviour, type HollowBehaviour } from './behaviour.ts';
import { type HollowNode, type HollowNodeOptions, type HollowShared, startHollowNode } from './hollow-node.ts';
import { serveMetrics } from './metrics-api.ts';
import { createPodFeed } from './pod-feed.ts';
import { startStages } from './stages/player.ts';
import type { Stage } from './stages/stage.ts';

export interface FleetOptions {
  /** How the agent of a node, or the fleet itself, reaches the API. */
  readonly connect: (name: string, user: UserInfo) => Transport;
  readonly behaviour?: HollowBehaviour;
  /** What sets the node of this number apart from the others. */
  readonly node?: (index: number) => Partial<HollowNodeOptions>;
  /**
   * Stages as kwok has them. Those of Pods take the place of the Pod lifecycle, those of Nodes of the node's status.
   */
  readonly stages?: readonly Stage[];
  /** false: nothing is told of what happens to Pods. */
  readonly events?: boolean;
  /** `hollow-` unless said. */
  readonly namePrefix?: string;
}

export interface Fleet {
  readonly nodes: readonly HollowNode[];
  /** Resolves when all `count` nodes are registered; those beyond are ended and their Node objects deleted. */
  scale(count: number): Promise<void>;
  /** metrics.k8s.io as metrics-server would answer; undefined: the path is none of its. */
  metrics(path: string, query: string): ApiResponse | undefined;
  /** Ends the agent of a node and begins a new one over the same runtime, as after a crash of it. */
  restart(name: string): Promise<void>;
  stop(): Promise<void>;
}

const GIB = 1024 ** 3;
const POD_IPS_MAX = 2 ** 22 - 2;
/** Registrations under way at once. */
const REGISTER_AT_ONCE = 50;
const NODE_TAINTS: readonly Taint[] = [];

/** Runs until `stop` or until `ctx` ends. Starts with no node. */
export function createFleet(options: FleetOptions, ctx: Ctx): Fleet {
  return new HollowFleet(options, ctx);
}

class HollowFleet implements Fleet {
  readonly #options: FleetOptions;
  readonly #ctx: Ctx;
  readonly #shared: HollowShared;
  readonly #stop = new AbortController();
  readonly #running: Promise<unknown>;
  readonly #recorders = new Map<string, { readonly recorder: RunningEventRecorder; readonly run: Promise<void> }>();
  #nodes: HollowNode[] = [];
  readonly #ips = new Map<string, string>();
  readonly #labels = new Map<string, Readonly<Record<string, string>>>();
  #nextIp = 1;

  constructor(options: FleetOptions, ctx: Ctx) {
    this.#options = options;
    this.#ctx = { ...ctx, signal: AbortSignal.any([ctx.signal, this.#stop.signal]) };
    const client = createClient(options.connect('hollow-fleet', MASTER), { userAgent: 'kapella-hollow/fleet' });
    const cache = createCache(client);
    const services = cache.informer<Service>(coreV1.Service);
    const { stages = [] } = options;
    this.#shared = {
      feed: createPodFeed(cache),
      behaviour: { ...defaultBehaviour, ...options.behaviour },
      played: {
        pods: stages.some(({ kind }) => kind === 'Pod'),
        nodes: stages.some(({ kind }) => kind === 'Node'),
      },
      objects: createObjectCache(client, this.#ctx),
      async services(waiter) {
        await services.synced(waiter);
        return services.list();
      },
      nextPodIp: () => {
        const at = this.#nextIp;
        this.#nextIp = (this.#nextIp % POD_IPS_MAX) + 1;
        return `10.${128 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`;
      },
      recorderFor: (own, node) => this.#recorderFor(own, node),
    };
    if (stages.length > 0) {
      const recorder = this.#recorderFor(client, 'fleet');
      const { nextPodIp } = this.#shared;
      const hasNode = (name: string) => this.#ips.has(name);
      const nodeIp = (name: string) => this.#ips.get(name) ?? '';
      startStages({ stages, client, cache, recorder, hasNode, nodeIp, nextPodIp }, this.#ctx);
    }
    this.#running = cache.run(this.#ctx);
  }

  get nodes(): readonly HollowNode[] {
    return this.#nodes;
  }

  async scale(count: number): Promise<void> {
    while (this.#nodes.length > count) await this.#remove();
    while (this.#nodes.length < count) {
      const added: HollowNode[] = [];
      while (this.#nodes.length < count && added.length < REGISTER_AT_ONCE) {
        const node = this.#start(this.#nodes.length);
        added.push(node);
        this.#nodes.push(node);
      }
      await Promise.all(added.map((node) => node.registered));
    }
  }

  metrics(path: string, query: string): ApiResponse | undefined {
    const { feed, behaviour } = this.#shared;
    const nodes = () =>
      this.#nodes.map(({ name }) => ({ name, labels: this.#labels.get(name) ?? {}, pods: () => feed.podsOf(name) }));
    return serveMetrics({ nodes, usageOf: behaviour.usage }, path, query, this.#ctx.clock.nowMs());
  }

  async restart(name: string): Promise<void> {
    const at = this.#nodes.findIndex((node) => node.name === name);
    const node = this.#nodes[at];
    if (node === undefined) throw new Error(`no hollow node ${name}`);
    await node.stop();
    this.#nodes[at] = this.#start(at, node.cri);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('the hollow nodes were ended'));
    await Promise.all([this.#running, ...this.#nodes.map((node) => node.stop())]);
    await Promise.all([...this.#recorders.values()].map(({ run }) => run));
  }

  #start(index: number, cri?: FakeCri): HollowNode {
    const options = this.#optionsOf(index);
    this.#ips.set(options.name, options.ip);
    this.#labels.set(options.name, options.labels);
    const user: UserInfo = {
      username: `system:node:${options.name}`,
      groups: ['system:nodes', 'system:authenticated'],
    };
    const client = createClient(this.#options.connect(options.name, user), { userAgent: 'kapella-hollow/node' });
    return startHollowNode(options, client, this.#shared, this.#ctx, cri);
  }

  #optionsOf(index: number): HollowNodeOptions {
    const name = `${this.#options.namePrefix ?? 'hollow-'}${index}`;
    const ip = `198.${18 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
    const labels = { 'kapella.dev/hollow': 'true', type: 'hollow' };
    const own = this.#options.node?.(index) ?? {};
    return {
      ...{ name, ip, taints: NODE_TAINTS, cpuCount: 32, memoryBytes: 256 * GIB, podsMax: 110 },
      ...own,
      labels: { ...labels, ...own.labels },
    };
  }

  async #remove(): Promise<void> {
    const node = this.#nodes.pop();
    if (node === undefined) return;
    await node.stop();
    this.#ips.delete(node.name);
    this.#labels.delete(node.name);
    const client = createClient(this.#options.connect('hollow-fleet', MASTER), { userAgent: 'kapella-hollow/fleet' });
    await client.delete(coreV1.Node, { name: node.name }, this.#ctx).catch((error: unknown) => {
      this.#ctx.log.warn('node not deleted', { node: node.name, error: describeError(error) });
    });
  }

  #recorderFor(client: Parameters<HollowShared['recorderFor']>[0], host: string) {
    if (this.#options.events === false) return { event: () => {} };
    const known = this.#recorders.get(host);
    if (known !== undefined) return known.recorder;
    const recorder = createEventRecorder(client, { component: 'kubelet', host }, this.#ctx);
    this.#recorders.set(host, { recorder, run: recorder.run(this.#ctx) });
    return recorder;
  }
}
