/** The control plane in one process: API server, scheduler and controllers, which meet only through the API. Host-free. */
import { admissionPlugins } from '@kapella/admission';
import { type ApiServer, createInMemoryTransport, type UserInfo } from '@kapella/apiserver';
import { childCtx, type Ctx, describeError, type MetricsRegistry } from '@kapella/base';
import {
  type Client,
  createCache,
  createClient,
  createEventRecorder,
  createSeriesRecorder,
  measuredTransport,
  type Transport,
} from '@kapella/client';
import {
  type Controller,
  type ControllerDeps,
  type ControllerRuntime,
  runControllers,
  slowStart,
} from '@kapella/controller';
import type { SchedulerDeps } from '@kapella/scheduler';
import type { ComponentRegister } from './component-health.ts';
import { KUBERNETES_VERSION } from './version.ts';
import { countDropped } from './event-metrics.ts';
import { queueNameOf } from './queue-names.ts';

export interface ControlPlaneRoles {
  readonly scheduler: boolean;
  readonly controllers: boolean;
}

/** How a component that is this user reaches the API. */
export type Connect = (user: UserInfo) => Transport;

export interface ComponentOptions {
  readonly server: ApiServer;
  readonly roles: ControlPlaneRoles;
  /** Makes the controllers of this process; each is given a client of its own identity. */
  readonly controllers: (depsOf: (component: string) => ControllerDeps) => readonly Controller[];
  readonly scheduler?: SchedulerOptions;
}

/** Default: upstream's default profile, no extenders. */
export interface SchedulerOptions extends Pick<SchedulerDeps, 'config' | 'extenderTransport' | 'metrics'> {
  /** Machine that its events name as the reporting instance's. */
  readonly host?: string;
}

/**
 * Requests of one controller under way at a time. Beyond some hundreds of one flow the API server tells a client to come
 * back a second later: 500 Pods deleted at once would wait for that.
 */
const REQUESTS_AT_ONCE = 200;
const SERVICE_ACCOUNTS = 'kube-system';
const MANAGER = 'kube-controller-manager';
/** The host of clients in the server's own process. */
const IN_MEMORY = 'in-memory';

/** May do everything: for what the server does to itself at start. */
export const MASTER: UserInfo = { username: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };

/** The user that a component is: upstream's names, so that upstream's roles fit. */
export function componentUser(component: string): UserInfo {
  if (component.startsWith('system:')) return { username: component, groups: ['system:authenticated'] };
  return {
    username: `system:serviceaccount:${SERVICE_ACCOUNTS}:${component}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${SERVICE_ACCOUNTS}`, 'system:authenticated'],
  };
}

export function clientFor(server: ApiServer, user: UserInfo, userAgent: string): Client {
  return createClient(createInMemoryTransport(server, user), { userAgent });
}

/** Runs until `ctx` aborts, then settles. Rejects when a component fails, which is a bug, after stopping the others. */
export async function runComponents(options: ComponentOptions, ctx: Ctx): Promise<void> {
  const { server, roles, controllers } = options;
  const connect: Connect = (user) =>
    measuredTransport(createInMemoryTransport(server, user), server.metrics, IN_MEMORY);
  const stop = new AbortController();
  const inner = childCtx(ctx, stop.signal);
  let failure: unknown;
  const guarded = (name: string, work: Promise<void>) =>
    work.catch((error) => {
      if (inner.signal.aborted) return;
      ctx.log.error('component failed', { component: name, error: describeError(error) });
      failure ??= error;
      stop.abort();
    });
  const work: Promise<void>[] = [];
  const leave = standIn(server, roles);
  if (roles.scheduler)
    work.push(guarded('scheduler', runScheduler(connect, inner, { ...options.scheduler, metrics: server.metrics })));
  if (roles.controllers) {
    const { metrics } = server;
    work.push(guarded('controllers', runControllerManager(connect, controllers, inner, { metrics })));
  }
  await Promise.all(work).finally(leave);
  if (failure !== undefined) throw failure;
}

/** Tells the server which components this process has, running or in waiting, until what is returned is called. */
export function standIn({ access }: ApiServer, { scheduler, controllers }: ControlPlaneRoles): () => void {
  const health = access.service<ComponentRegister>('componentHealth');
  const leaves = [
    ...(scheduler ? [health.enter('scheduler')] : []),
    ...(controllers ? [health.enter('controller-manager')] : []),
  ];
  return () => {
    for (const leave of leaves) leave();
  };
}

export async function runScheduler(connect: Connect, ctx: Ctx, options: SchedulerOptions = {}): Promise<void> {
  // An API server alone does not read it.
  const { createScheduler, REQUESTS_AT_ONCE: atOnceMax } = await import('@kapella/scheduler');
  const userAgent = `kube-scheduler/${KUBERNETES_VERSION}`;
  const client = createClient(connect(componentUser('system:kube-scheduler')), { userAgent, atOnceMax });
  const cache = createCache(client, { dropsManagedFields: true });
  const component = 'default-scheduler';
  const { host, ...deps } = options;
  const told = { component, ...countDropped(deps.metrics, component), ...(host !== undefined && { host }) };
  const events = createSeriesRecorder(client, told, ctx);
  await Promise.all([cache.run(ctx), events.run(ctx), createScheduler({ ...deps, client, cache, events }).run(ctx)]);
}

export interface ControllerManagerOptions extends Pick<ControllerRuntime, 'concurrencyOf'> {
  readonly metrics?: MetricsRegistry;
}

export async function runControllerManager(
  connect: Connect,
  make: ComponentOptions['controllers'],
  ctx: Ctx,
  { metrics, concurrencyOf }: ControllerManagerOptions = {},
): Promise<void> {
  const program = `kube-controller-manager/${KUBERNETES_VERSION}`;
  // One cache for all: its identity may read everything and write nothing.
  const manager = componentUser('system:kube-controller-manager');
  const cache = createCache(createClient(connect(manager), { userAgent: program }), { dropsManagedFields: true });
  const recorders: Promise<void>[] = [];
  const controllers = make((component) => {
    const limits = { userAgent: `${program}/${component}`, atOnceMax: REQUESTS_AT_ONCE };
    const client = createClient(connect(componentUser(component)), limits);
    const events = createEventRecorder(client, { component, ...countDropped(metrics, component) }, ctx);
    recorders.push(events.run(ctx));
    return { cache, client, events, batch: slowStart };
  });
  const runtime: ControllerRuntime = {
    ...{ cache, manager: MANAGER, queueNameOf },
    ...(metrics !== undefined && { metrics }),
    ...(concurrencyOf !== undefined && { concurrencyOf }),
  };
  await Promise.all([...recorders, runControllers(controllers, runtime, ctx)]);
}

/** The default admission chain. */
export function defaultAdmission() {
  return admissionPlugins.filter((row) => row.onByDefault).map((row) => row.plugin);
}
