/** One simulated cluster: everything on one clock, one seed and one disk. What goes wrong is told to it. */
import type { Pod } from '@kapella/api/types/core-v1';
import type { ApiServer } from '@kapella/apiserver';
import {
  childCtx,
  type Clock,
  createLogger,
  createSeededRandom,
  type Ctx,
  describeError,
  type Logger,
  type Random,
} from '@kapella/base';
import { type Client, createClient } from '@kapella/client';
import { MASTER } from '@kapella/control-plane';
import type { Store } from '@kapella/store';
import { bootstrapSim, startSimApi } from '../api.ts';
import { createSimClock, type SimClock } from '../clock.ts';
import { type Component, controllersComponent, schedulerComponent } from '../components.ts';
import { createFleet, type Fleet } from '../hollow/fleet.ts';
import { createNetwork, type Network, type RequestView } from '../network.ts';
import { isGoing, isReady } from '../checkers/checker.ts';
import { createSimDisk, type SimDisk } from './disk.ts';
import type { Mutation } from './mutation.ts';
import { Truth } from './truth.ts';

export interface Violation {
  readonly checker: string;
  readonly atMs: number;
  readonly message: string;
}

export interface WorldOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly turn: () => Promise<void>;
  /** One line an event, without a newline at its end. */
  readonly log: (line: string) => void;
  /** A planted bug. */
  readonly mutation?: Mutation;
}

/** The components that can crash. */
export const COMPONENTS = ['kube-scheduler', 'kube-controller-manager'] as const;

const STOP_MS = 2_000;
const PULL_MS_MAX = 2_000;
/** Node leases end, watches begin anew and back-offs pass within it. */
const CALM_MS = 60_000;

interface Incarnation {
  readonly stop: AbortController;
  readonly name: string;
}

export class World {
  readonly clock: SimClock;
  readonly random: Random;
  readonly network: Network;
  readonly disk: SimDisk;
  readonly truth = new Truth();
  readonly violations: Violation[] = [];
  readonly ctx: Ctx;
  /** As a user with every right, over the same network as all others. */
  readonly client: Client;
  readonly onAnswer: ((view: RequestView, status: number) => void)[] = [];
  /** Told of each request that reaches the server. One fault at a time listens. */
  onRequest: ((view: RequestView) => void) | undefined;
  /** Revision of the newest acknowledged write of each key, until it is seen to be on disk. */
  readonly acknowledged = new Map<string, number>();
  /** Everything has come to rest: checkers that act by themselves stop, so that what is there can be compared. */
  isAtRest = false;
  /** Work of an app in thousandths of a CPU, shared by its ready Pods. */
  readonly loads = new Map<string, number>();
  /** How far the clock of a component is off. */
  readonly skewMs = new Map<string, number>();
  readonly #disturbances = new Map<string, number>();
  #active = 0;
  readonly #options: WorldOptions;
  readonly #stop = new AbortController();
  readonly #running = new Map<string, Incarnation>();
  readonly #startMs: number;
  readonly #wrapStore: (store: Store) => Store;
  #serial = 0;
  #fleet: Fleet | undefined;
  #api: { readonly server: ApiServer; readonly stop: AbortController; readonly store: Store } | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.clock = createSimClock({ turn: options.turn });
    this.#startMs = this.clock.nowMs();
    this.random = createSeededRandom(options.seed);
    this.network = createNetwork(this.clock, this.random);
    this.disk = createSimDisk(this.clock, this.random, options.mutation?.disk);
    this.ctx = { signal: this.#stop.signal, log: this.#logger(), clock: this.clock, random: this.random };
    const { mutation } = options;
    const connect = this.network.connect.bind(this.network);
    const wrap = mutation?.transport?.();
    if (wrap !== undefined) this.network.connect = (name, user) => wrap(name, user, connect(name, user));
    this.#wrapStore = mutation?.store?.() ?? ((store) => store);
    this.client = createClient(this.network.connect('user', MASTER), { userAgent: 'sim-user/1' });
    this.disk.onDurable = (record) => {
      this.log(`r${record.revision} ${record.value === undefined ? 'delete' : 'put'} ${record.key}`);
      this.truth.apply(record);
    };
    this.network.onRequest = (view) => this.onRequest?.(view);
    this.network.onAnswer = (view, status) => {
      if (!view.isWatch && view.method !== 'GET')
        this.log(`${view.user.username} ${view.method} ${view.path} ${status}`);
      for (const listener of this.onAnswer) listener(view, status);
    };
  }

  get fleet(): Fleet {
    if (this.#fleet === undefined) throw new Error('the world has no nodes yet');
    return this.#fleet;
  }

  get nowMs(): number {
    return this.clock.nowMs() - this.#startMs;
  }

  /** Something goes wrong from now on; answers how to say that it is over. */
  disturb(): () => void {
    this.#active++;
    return () => {
      this.#active--;
      this.note('fault');
    };
  }

  /** Something happened that views of the cluster need a moment to take in. */
  note(what: 'fault' | 'eviction'): void {
    this.#disturbances.set(what, this.nowMs);
  }

  /** Whether everyone has had time to see how things are: bounds that rest on such views must hold then. */
  isCalm(...causes: readonly ('fault' | 'eviction')[]): boolean {
    const isQuiet = (cause: string) => this.nowMs - (this.#disturbances.get(cause) ?? -CALM_MS) >= CALM_MS;
    return this.#active === 0 && causes.every(isQuiet);
  }

  log(line: string): void {
    this.#options.log(`${this.nowMs} ${line}`);
  }

  violate(checker: string, message: string): void {
    this.violations.push({ checker, message, atMs: this.nowMs });
    this.log(`VIOLATION ${checker}: ${message}`);
    // The run is over; a loop that needs no time would never let it end.
    this.network.listen(undefined);
  }

  /** Resolves when the nodes are Ready and everything runs. */
  async begin(): Promise<void> {
    await this.startApi();
    await this.driven(bootstrapSim(this.client, this.ctx));
    for (const name of COMPONENTS) this.startComponent(name);
    this.#fleet = createFleet(
      {
        connect: (name, user) => this.network.connect(name, user),
        events: false,
        behaviour: {
          // Long enough for two of one identity to meet, if they could.
          stopMs: () => STOP_MS,
          pull: () => PULL_MS_MAX * this.random.float(),
          usage: (pod) => ({ cpuMilli: this.#shareOf(pod), memoryBytes: 1 << 20 }),
        },
      },
      this.ctx,
    );
    await this.driven(this.#fleet.scale(this.#options.nodes));
  }

  /** Moves time under work that waits for it. */
  async driven<T>(work: Promise<T>): Promise<T> {
    let isDone = false;
    const settled = work.finally(() => {
      isDone = true;
    });
    settled.catch(() => {}); // told by the return
    await this.clock.settle();
    for (let moved = true; moved && !isDone; ) moved = await this.clock.step(3_600_000);
    return settled;
  }

  async startApi(): Promise<void> {
    if (this.#api !== undefined) return;
    const stop = new AbortController();
    const { mutation } = this.#options;
    const opened = this.disk.open();
    const store = this.#acknowledging(this.#wrapStore(opened));
    const ctx = childCtx(this.ctx, stop.signal, { component: 'api' });
    const server = await startSimApi(
      { store, ...(mutation?.admission !== undefined && { admission: mutation.admission() }) },
      ctx,
    );
    if (stop.signal.aborted) return;
    this.#api = { server, stop, store };
    this.network.listen(async (request, inner) => {
      // As a metrics server behind the aggregator would.
      const metrics = this.#fleet?.metrics(request.path, request.query);
      return metrics ?? server.handle(request, { ...inner, clock: this.clock });
    });
    this.log('api up');
  }

  /** Ends the API server where it stands, and what the disk was writing with it. */
  crashApi(): void {
    if (this.#api === undefined) return;
    const { stop, server } = this.#api;
    this.#api = undefined;
    this.log('api crash');
    this.disk.crash();
    this.network.listen(undefined);
    stop.abort(new Error('the API server crashed'));
    server.close();
  }

  compact(): void {
    const store = this.#api?.store;
    if (store === undefined) return;
    store
      .currentRevision(this.ctx)
      .then((revision) => store.compact(revision, this.ctx))
      .catch(() => {}); // it went down
  }

  startComponent(name: string): void {
    const stop = new AbortController();
    const own = `${name}#${++this.#serial}`;
    this.#running.set(name, { stop, name: own });
    const network = {
      connect: (_name: string, user: Parameters<Network['connect']>[1]) => this.network.connect(own, user),
    };
    const component: Component =
      name === 'kube-scheduler' ? schedulerComponent(network) : controllersComponent(network, ['*']);
    const ctx = { ...childCtx(this.ctx, stop.signal, { component: own }), clock: this.#skewed(name) };
    this.log(`${own} up`);
    component.run(ctx).catch((error: unknown) => {
      if (stop.signal.aborted || this.ctx.signal.aborted) return;
      this.violate('no-component-fails', `${own}: ${describeError(error)}`);
    });
  }

  /** Ends it where it stands: nothing that it still has under way reaches anyone. */
  crashComponent(name: string): void {
    const incarnation = this.#running.get(name);
    if (incarnation === undefined) return;
    this.#running.delete(name);
    this.log(`${incarnation.name} crash`);
    this.network.partition(incarnation.name);
    incarnation.stop.abort(new Error(`${name} crashed`));
  }

  /** What the network calls a component now. */
  networkName(name: string): string {
    return this.#running.get(name)?.name ?? name;
  }

  async end(): Promise<void> {
    this.#stop.abort(new Error('the simulation is over'));
    this.#api?.server.close();
    await this.clock.settle();
  }

  #shareOf({ metadata }: Pod): number {
    const app = metadata.labels?.['app'] ?? '';
    const load = this.loads.get(app) ?? 0;
    if (load === 0) return 1;
    const sharing = this.truth
      .list('Pod', metadata.namespace)
      .filter((pod) => pod.metadata.labels?.['app'] === app && isReady(pod) && !isGoing(pod));
    return Math.round(load / Math.max(1, sharing.length));
  }

  #skewed(name: string): Clock {
    const { clock, skewMs } = this;
    return {
      nowMs: () => clock.nowMs() + (skewMs.get(name) ?? 0),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, fn) => clock.setTimer(delayMs, fn),
    };
  }

  #acknowledging(store: Store): Store {
    const { acknowledged } = this;
    const commit = store.commit.bind(store);
    return Object.assign(store, {
      async commit(...args: Parameters<Store['commit']>) {
        const result = await commit(...args);
        const [{ key }] = args;
        if (result.ok) acknowledged.set(key, Math.max(result.revision, acknowledged.get(key) ?? 0));
        return result;
      },
    });
  }

  #logger(): Logger {
    return createLogger(({ level, event, fields }) => {
      if (level === 'error') this.log(`error ${event} ${JSON.stringify(fields)}`);
    });
  }
}
