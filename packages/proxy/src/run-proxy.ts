/** Follows Services, EndpointSlices and this node's Pods, and keeps the rules equal to them. */
import type { Pod, Service } from '@kapella/api/types/core-v1';
import type { EndpointSlice } from '@kapella/api/types/discovery-v1';
import { type Ctx, describeError, sleep } from '@kapella/base';
import type { Informer } from '@kapella/client';
import type { ProxyBackend } from './backend.ts';
import type { ProxyNode, RuleChange } from './model.ts';
import { planHostPorts } from './plan-host-ports.ts';
import { planService } from './plan-service.ts';
import { RuleTable } from './rule-table.ts';

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const HEADLESS_LABEL = 'service.kubernetes.io/headless';
const RETRY_MS_MIN = 200;
const RETRY_MS_MAX = 30_000;

export interface ProxyDeps {
  readonly services: Informer<Service>;
  readonly endpointSlices: Informer<EndpointSlice>;
  /** Pods of this node, for hostPorts; undefined leaves hostPorts to someone else. */
  readonly pods?: Informer<Pod>;
  readonly backend: ProxyBackend;
  readonly node: ProxyNode;
  /** How long changes are gathered into one transaction. */
  readonly batchDelayMs?: number;
  /** Called after each sync that the backend took; the first one means that the node's Services work. */
  readonly onSync?: (latencyMs: number) => void;
}

/** Until aborted. Waits for the informers' first lists, then sets all rules once, then changes only what changed. */
export async function runProxy(deps: ProxyDeps, ctx: Ctx): Promise<void> {
  const watch = watchKeys(deps);
  const stop = watch.subscribe();
  try {
    await Promise.all([deps.services.synced(ctx), deps.endpointSlices.synced(ctx), deps.pods?.synced(ctx)]);
    await syncLoop(deps, watch, ctx);
  } catch (error) {
    if (!ctx.signal.aborted) throw error;
  } finally {
    stop();
  }
}

async function syncLoop(deps: ProxyDeps, watch: KeyWatch, ctx: Ctx): Promise<void> {
  const tables = deps.node.families.map((family) => new RuleTable(family));
  let isFull = true;
  let retryMs = 0;
  while (!ctx.signal.aborted) {
    if (!isFull) {
      await watch.changed(ctx.signal);
      await sleep(deps.batchDelayMs ?? 20, ctx);
    }
    const startMs = ctx.clock.monotonicMs();
    const changes = collect(deps, watch, tables);
    try {
      if (isFull)
        await deps.backend.replace(
          tables.map((table) => table.state()),
          ctx,
        );
      else if (changes.length > 0) await deps.backend.apply(changes, ctx);
      await deps.backend.forgetFlows(
        changes.flatMap((change) => change.staleFlows),
        ctx,
      );
      isFull = false;
      retryMs = 0;
      deps.onSync?.(ctx.clock.monotonicMs() - startMs);
    } catch (error) {
      if (ctx.signal.aborted) return;
      isFull = true; // What the kernel holds is unknown now.
      retryMs = Math.min(RETRY_MS_MAX, Math.max(RETRY_MS_MIN, retryMs * 2));
      ctx.log.error('proxy sync failed', { retryMs, reason: describeError(error) });
      await sleep(retryMs, ctx);
    }
  }
}

function collect(deps: ProxyDeps, watch: KeyWatch, tables: readonly RuleTable[]): readonly RuleChange[] {
  for (const key of watch.takeServices()) {
    const service = deps.services.get(key);
    for (const table of tables) {
      const plan = service && planService(service, watch.slicesOf(key), deps.node, table.family);
      table.replace(`service/${key}`, plan);
    }
  }
  for (const key of watch.takePods()) {
    const pod = deps.pods?.get(key);
    for (const table of tables) table.replace(`pod/${key}`, pod && planHostPorts(pod, deps.node, table.family));
  }
  return tables.map((table) => table.takeChange()).filter((change) => change !== undefined);
}

interface KeyWatch {
  subscribe(): () => void;
  /** Resolves when there is something to take. */
  changed(signal: AbortSignal): Promise<void>;
  takeServices(): ReadonlySet<string>;
  takePods(): ReadonlySet<string>;
  slicesOf(serviceKey: string): readonly EndpointSlice[];
}

/** Turns objects into keys of what to plan anew; holds the EndpointSlices by Service. */
function watchKeys(deps: ProxyDeps): KeyWatch {
  let services = new Set<string>();
  let pods = new Set<string>();
  const slices = new Map<string, Map<string, EndpointSlice>>();
  let wake: (() => void) | undefined;
  const touch = (set: Set<string>, key: string | undefined) => {
    if (key === undefined) return;
    set.add(key);
    wake?.();
  };
  const put = (slice: EndpointSlice, isThere: boolean) => {
    const key = serviceKeyOf(slice);
    if (key === undefined) return;
    const held = slices.get(key) ?? new Map<string, EndpointSlice>();
    if (isThere) held.set(slice.metadata.name, slice);
    else held.delete(slice.metadata.name);
    if (held.size > 0) slices.set(key, held);
    else slices.delete(key);
    touch(services, key);
  };
  const podKey = (pod: Pod) => (hasHostPort(pod) ? keyOfObject(pod) : undefined);
  return {
    subscribe() {
      const stops = [
        deps.services.subscribe({
          add: (s) => touch(services, keyOfObject(s)),
          update: (s) => touch(services, keyOfObject(s)),
          delete: (s) => touch(services, keyOfObject(s)),
        }),
        deps.endpointSlices.subscribe({
          add: (s) => put(s, true),
          update: (s, old) => {
            if (serviceKeyOf(old) !== serviceKeyOf(s)) put(old, false);
            put(s, true);
          },
          delete: (s) => put(s, false),
        }),
        deps.pods?.subscribe({
          add: (p) => touch(pods, podKey(p)),
          update: (p) => touch(pods, podKey(p)),
          delete: (p) => touch(pods, podKey(p)),
        }),
      ];
      return () => {
        for (const stop of stops) stop?.();
      };
    },
    changed: (signal) =>
      new Promise((resolve, reject) => {
        if (services.size + pods.size > 0) return resolve();
        if (signal.aborted) return reject(signal.reason);
        const onAbort = () => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        wake = () => {
          wake = undefined;
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
      }),
    takeServices() {
      const taken = services;
      services = new Set();
      return taken;
    },
    takePods() {
      const taken = pods;
      pods = new Set();
      return taken;
    },
    slicesOf: (key) => [...(slices.get(key)?.values() ?? [])],
  };
}

function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const labels = slice.metadata.labels;
  const name = labels?.[SERVICE_NAME_LABEL];
  if (name === undefined || name === '' || labels?.[HEADLESS_LABEL] !== undefined) return undefined;
  return `${slice.metadata.namespace}/${name}`;
}

const keyOfObject = (object: Service | Pod): string => `${object.metadata.namespace}/${object.metadata.name}`;

const hasHostPort = (pod: Pod): boolean =>
  [...(pod.spec.initContainers ?? []), ...pod.spec.containers].some((c) => c.ports?.some((p) => (p.hostPort ?? 0) > 0));
