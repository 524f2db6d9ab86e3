/** startTestCluster(): a whole cluster in the process of a test. */
import { builtInKinds, type KindRef, type UnknownObject } from '@kapella/api';
import { type AdmissionPlugin, type ApiServer, createInMemoryTransport } from '@kapella/apiserver';
import { type Clock, createLogger, createSeededRandom, type Ctx, type LogRecord, sleep } from '@kapella/base';
import { hostClock, hostRandom } from '@kapella/base/node';
import { createCache, createClient, createEventRecorder } from '@kapella/client';
import { defaultAdmission, MASTER } from '@kapella/control-plane';
import { registerWebhooks, runControllers, slowStart } from '@kapella/controller';
import {
  type Component,
  controllersComponent,
  createFleet,
  createNetwork,
  createPlainTokens,
  createSimClock,
  durationMs,
  parseStages,
  type Fleet,
  type Network,
  type RunningComponent,
  schedulerComponent,
  type SimClock,
  startComponent,
  startSimApi,
} from '@kapella/simulator';
import { hostTurn } from '@kapella/simulator/node';
import { createMemoryStore, type MemorySnapshot, type MemoryStore } from '@kapella/store';
import type { ClusterSnapshot, ControllerFactory, RequestRecord, TestCluster, TestClusterOptions } from '../options.ts';
import { createWebhookCaller, webhookUrl } from '../webhook-caller.ts';
import { hostCaller, openPort, type TestPort } from './https.ts';
import { templateAt } from './template.ts';

const START_MS = Date.UTC(2026, 0, 1);
const REQUESTS_MAX = 20_000;
const LOGS_MAX = 2_000;
const WITHIN_VIRTUAL = '1m';
const WITHIN_REAL = '10s';
const POLL_MS = 5;

/** Resolves when the API answers, CRDs are served, nodes are registered and controllers run. */
export async function startTestCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const isVirtual = options.clock !== 'real';
  const startMs = isVirtual ? startOf(options.startTime) : START_MS;
  return start(options, await templateAt(startMs), startMs, options.seed ?? 1);
}

function startOf(time: Date | string | undefined): number {
  const ms = time === undefined ? START_MS : new Date(time).getTime();
  if (Number.isNaN(ms))
    throw new Error(`startTime ${JSON.stringify(time)} is no time; write it as 2026-01-01T00:00:00Z`);
  return ms;
}

interface Parts {
  readonly options: TestClusterOptions;
  readonly stop: AbortController;
  readonly ctx: Ctx;
  readonly clock: SimClock | undefined;
  readonly store: MemoryStore;
  readonly server: ApiServer;
  readonly network: Network;
  readonly requests: RequestRecord[];
  readonly logs: LogRecord[];
  readonly seed: number;
}

async function start(
  options: TestClusterOptions,
  from: MemorySnapshot,
  startMs: number,
  seed: number,
): Promise<TestCluster> {
  const stop = new AbortController();
  const clock = options.clock === 'real' ? undefined : createSimClock({ startMs, turn: hostTurn });
  const random = clock === undefined ? hostRandom : createSeededRandom(seed);
  const logs: LogRecord[] = [];
  const log = createLogger((record) => {
    keep(logs, record, LOGS_MAX);
    options.onLog?.(record);
  });
  const ctx: Ctx = { signal: stop.signal, log, clock: clock ?? hostClock, random };
  const store = createMemoryStore(from);
  const requests: RequestRecord[] = [];
  const { webhooks = [] } = options;
  const api = await startSimApi(
    {
      store,
      tokens: createPlainTokens(),
      admission: admissionFor(options),
      caller: heldBy(clock, createWebhookCaller(webhooks, hostCaller())),
    },
    ctx,
  );
  const server = recorded(api, requests, ctx.clock);
  const network = createNetwork(ctx.clock, random);
  // Usage of hollow nodes is there for autoscalers, as if a metrics server stood behind the aggregator.
  network.listen((request, inner) => {
    const metrics = cluster.nodes?.metrics(request.path, request.query);
    return metrics === undefined ? server.handle(request, inner) : Promise.resolve(metrics);
  });
  const cluster: RunningCluster = new RunningCluster({
    options,
    stop,
    ctx,
    clock,
    store,
    server,
    network,
    requests,
    logs,
    seed,
  });
  try {
    await cluster.begin();
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

/** Without the controller that makes service accounts, Pods do without them, as in envtest. */
function admissionFor({ controllers, nodes }: TestClusterOptions): readonly AdmissionPlugin[] {
  const all = defaultAdmission();
  const builtIn = controllers ?? (nodes === undefined ? [] : ['*']);
  const hasAccounts = builtIn.includes('*') || builtIn.includes('serviceaccount-controller');
  return hasAccounts ? all : all.filter(({ name }) => name !== 'ServiceAccount');
}

/** A call that leaves the process lets no virtual time pass. */
function heldBy<A extends unknown[], R>(clock: SimClock | undefined, call: (...args: A) => Promise<R>) {
  if (clock === undefined) return call;
  return async (...args: A): Promise<R> => {
    const release = clock.hold();
    try {
      return await call(...args);
    } finally {
      release();
    }
  };
}

/** The server, keeping a record of each answer, whichever way the request came. */
function recorded(api: ApiServer, requests: RequestRecord[], clock: Clock): ApiServer {
  return {
    ...{ access: api.access, registry: api.registry, core: api.core, facts: api.facts, metrics: api.metrics },
    ...{
      authorizer: api.authorizer,
      authenticator: api.authenticator,
      flowControl: api.flowControl,
      auditor: api.auditor,
      lifecycle: api.lifecycle,
      closed: api.closed,
    },
    connect: (request, ctx) => api.connect(request, ctx),
    ready: (ctx) => api.ready(ctx),
    close: () => api.close(),
    async handle(request, ctx) {
      const response = await api.handle(request, ctx);
      const { method, path, query, user } = request;
      const username = user?.username ?? '';
      keep(
        requests,
        { atMs: clock.nowMs(), user: username, method, path, query, status: response.status },
        REQUESTS_MAX,
      );
      return response;
    },
  };
}

/** The oldest tenth goes when it is full: shifting one by one would cost as much as the list is long. */
function keep<T>(list: T[], item: T, max: number): void {
  if (list.length >= max) list.splice(0, max / 10);
  list.push(item);
}

class RunningCluster implements TestCluster {
  readonly client: TestCluster['client'];
  readonly ctx: Ctx;
  readonly requests: readonly RequestRecord[];
  readonly logs: readonly LogRecord[];
  readonly faults: Network;
  readonly #parts: Parts;
  readonly #components: RunningComponent[] = [];
  #fleet: Fleet | undefined;
  #port: TestPort | undefined;
  #stopped: Promise<void> | undefined;
  #forks = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.ctx = parts.ctx;
    this.requests = parts.requests;
    this.logs = parts.logs;
    this.faults = parts.network;
    this.client = this.clientAs(MASTER);
  }

  get kubeconfig(): string {
    if (this.#port === undefined) throw new Error("the cluster has no port: start it with { transport: 'https' }");
    return this.#port.kubeconfig;
  }

  get nodes(): Fleet | undefined {
    return this.#fleet;
  }

  clientAs(user: Parameters<TestCluster['clientAs']>[0]): TestCluster['client'] {
    // Past the network: what a test itself asks must not meet the faults that it plans.
    return createClient(createInMemoryTransport(this.#parts.server, user), { userAgent: 'kapella-testing/client' });
  }

  async begin(): Promise<void> {
    const { options, server, ctx } = this.#parts;
    if (options.transport === 'https') this.#port = await openPort(server, ctx);
    if (options.crds !== undefined) await this.#serveCrds(options.crds);
    await registerWebhooks(options.webhooks ?? [], (webhook) => ({ url: webhookUrl(webhook) }), this.client, ctx);
    for (const component of this.#wanted()) this.#components.push(startComponent(component, ctx));
    const { nodes, clock } = { nodes: options.nodes, clock: this.#parts.clock };
    if (nodes !== undefined) {
      const { count, behaviour, node, stages, events } = nodes;
      const connect = (name: string, user: Parameters<Network['connect']>[1]) => this.faults.connect(name, user);
      this.#fleet = createFleet(
        {
          connect,
          ...(behaviour !== undefined && { behaviour }),
          ...(node !== undefined && { node }),
          ...(events !== undefined && { events }),
          ...(stages !== undefined && { stages: parseStages(stages) }),
        },
        ctx,
      );
      await this.#driven(this.#fleet.scale(count), clock);
    }
    await this.settle();
  }

  /** Work that waits for timers of its own: a virtual clock must move under it. */
  async #driven<T>(work: Promise<T>, clock: SimClock | undefined): Promise<T> {
    if (clock === undefined) return work;
    let isDone = false;
    const done = work.finally(() => {
      isDone = true;
    });
    await clock.settle();
    for (let moved = true; moved && !isDone; ) moved = await clock.step(durationMs(WITHIN_VIRTUAL));
    return done;
  }

  #wanted(): Component[] {
    const { options } = this.#parts;
    const hasNodes = options.nodes !== undefined;
    const { controllers = hasNodes ? ['*'] : [], scheduler = hasNodes } = options;
    const names = controllers.filter((entry) => typeof entry === 'string');
    const factories = controllers.filter((entry) => typeof entry === 'function');
    const components: Component[] = [];
    if (names.length > 0) components.push(controllersComponent(this.faults, names));
    if (scheduler) components.push(schedulerComponent(this.faults));
    if (factories.length > 0) components.push(this.#underTest(factories));
    return components;
  }

  #underTest(factories: readonly ControllerFactory[]): Component {
    const client = createClient(this.faults.connect('controllers', MASTER), { userAgent: 'controllers/test' });
    return {
      name: 'controllers',
      async run(ctx) {
        const cache = createCache(client);
        const events = createEventRecorder(client, { component: 'controllers' }, ctx);
        const deps = { cache, client, events, batch: slowStart };
        const controllers = factories.map((make) => make(deps));
        await Promise.all([events.run(ctx), runControllers(controllers, { cache }, ctx)]);
      },
    };
  }

  async #serveCrds(crds: readonly object[]): Promise<void> {
    await this.apply(...crds);
    const { registry } = this.#parts.server;
    for (const crd of crds as readonly CustomResourceDefinition[]) {
      const { group, names, versions } = crd.spec;
      const isServed = () =>
        versions.every((version) => !version.served || registry.find(group, version.name, names.plural) !== undefined);
      await this.eventually(`${crd.metadata.name} is served`, isServed);
    }
  }

  async advance(time: string | number): Promise<void> {
    const { clock } = this.#parts;
    if (clock === undefined) throw new Error("time passes by itself with clock: 'real'; use eventually()");
    await clock.advance(durationMs(time));
  }

  async settle(): Promise<void> {
    await (this.#parts.clock?.settle() ?? hostTurn());
  }

  async eventually<T>(
    what: string,
    probe: () => Promise<T | undefined | false> | T | undefined | false,
    options: { readonly within?: string | number } = {},
  ): Promise<T> {
    const { clock, ctx } = this.#parts;
    const within = options.within ?? (clock === undefined ? WITHIN_REAL : WITHIN_VIRTUAL);
    const untilMs = ctx.clock.monotonicMs() + durationMs(within);
    for (;;) {
      const answer = await probe();
      if (answer !== undefined && answer !== false) return answer;
      const leftMs = untilMs - ctx.clock.monotonicMs();
      const hasMoved = leftMs > 0 && (clock === undefined ? await pause(ctx) : await clock.step(leftMs));
      if (hasMoved) continue;
      const last = await probe();
      if (last !== undefined && last !== false) return last;
      throw new Error(`waited ${within} until ${what}${this.#lastWarning()}`);
    }
  }

  #lastWarning(): string {
    const last = this.logs.findLast(({ level }) => level === 'error' || level === 'warn');
    return last === undefined ? '' : `; last warning: ${last.event} ${JSON.stringify(last.fields)}`;
  }

  async apply(...objects: readonly object[]): Promise<void> {
    for (const object of objects as readonly UnknownObject[]) {
      const kind = this.#kindOf(object);
      const options = { fieldManager: 'kapella-testing', force: true };
      await this.client.patch<unknown>(kind, object, { type: 'apply', body: object }, this.ctx, options);
    }
  }

  #kindOf({ apiVersion = '', kind = '' }: UnknownObject): KindRef<unknown> {
    const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
    const builtIn = builtInKinds.find((ref) => ref.group === group && ref.version === version && ref.kind === kind);
    if (builtIn !== undefined) return builtIn;
    const found = this.#parts.server.registry.findKind(group, version, kind);
    if (found === undefined)
      throw new Error(`no kind ${kind} in ${apiVersion}; is its CustomResourceDefinition in crds?`);
    return { group, version, kind, plural: found.plural, namespaced: found.namespaced };
  }

  async snapshot(): Promise<ClusterSnapshot> {
    await this.settle();
    const { store, options, clock, seed } = this.#parts;
    const snapshot = store.snapshot();
    const startMs = clock?.nowMs() ?? START_MS;
    return {
      // Another seed, or the new objects would have the uids of old ones.
      start: (other = {}) =>
        start(
          { ...options, ...other, crds: other.crds ?? [] },
          snapshot,
          startMs,
          other.seed ?? seed + 1000 + ++this.#forks,
        ),
    };
  }

  async fork(options?: TestClusterOptions): Promise<TestCluster> {
    return (await this.snapshot()).start(options);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#end();
    return this.#stopped;
  }

  async #end(): Promise<void> {
    const { stop, server, store } = this.#parts;
    const failures: unknown[] = [];
    stop.abort(new Error('the test cluster was stopped'));
    await Promise.all(this.#components.map((component) => component.stop().catch((error) => failures.push(error))));
    await this.#fleet?.stop();
    await this.#port?.running.close();
    server.close();
    await store.close();
    if (failures.length > 0) throw failures[0];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

interface CustomResourceDefinition {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly group: string;
    readonly names: { readonly plural: string };
    readonly versions: readonly { readonly name: string; readonly served: boolean }[];
  };
}

async function pause(ctx: Ctx): Promise<boolean> {
  await sleep(POLL_MS, ctx);
  return true;
}
