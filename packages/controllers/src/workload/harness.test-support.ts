/** For tests of controllers: one controller over an API in memory, with nodes that do what the test says. */
import { coreV1, type KubeObject } from '@kapella/api';
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import {
  createLogger,
  createSeededRandom,
  createVirtualClock,
  type Ctx,
  formatTime,
  type LogRecord,
} from '@kapella/base';
import { createCache, createClient, type EventRecorder } from '@kapella/client';
import { createFakeApi } from '@kapella/client/fake';
import { type Controller, type ControllerDeps, runControllers, slowStart } from '@kapella/controller';

export interface ToldEvent {
  readonly about: string;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

export function createHarness() {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const logs: LogRecord[] = [];
  const ctx: Ctx = { signal: stop.signal, log: createLogger((r) => logs.push(r)), clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  // As the server does: a new Pod is Pending.
  api.intercept = (call) => {
    if (call.method === 'POST' && call.plural === 'pods' && call.name === '')
      call.body.status = { phase: 'Pending', ...call.body.status };
    const removed: string[] | undefined = call.body?.metadata?.['$deleteFromPrimitiveList/finalizers'];
    if (call.method === 'PATCH' && removed !== undefined) {
      const present = api.objects(coreV1.Pod).find((pod) => pod.metadata.name === call.name);
      call.body.metadata = {
        finalizers: (present?.metadata.finalizers ?? []).filter((name) => !removed.includes(name)),
      };
    }
    return undefined;
  };
  const client = createClient(api, { userAgent: 'test/1' });
  const cache = createCache(client);
  const told: ToldEvent[] = [];
  const events: EventRecorder = {
    event: (about, type, reason, message) => void told.push({ about: about.metadata.name, type, reason, message }),
  };
  const deps: ControllerDeps = { cache, client, events, batch: slowStart };
  let running: Promise<void> | undefined;
  const pods = (): Pod[] => api.objects(coreV1.Pod).toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const podOf = (name: string): Pod => {
    const pod = pods().find((candidate) => candidate.metadata.name === name);
    if (pod === undefined) throw new Error(`no Pod ${name}`);
    return pod;
  };
  const setStatus = async (name: string, status: PodStatus) => {
    await client.patchStatus(coreV1.Pod, podOf(name) as Pod & KubeObject, status, ctx);
    await clock.settle();
  };
  const condition = (ready: boolean) => [
    { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: formatTime(clock.nowMs()) },
  ];
  return {
    clock,
    ctx,
    api,
    client,
    cache,
    deps,
    logs,
    told,
    pods,
    podOf,
    podNames: () => pods().map((pod) => pod.metadata.name),
    setStatus,
    run: (name: string) => setStatus(name, { phase: 'Running', conditions: condition(true) as never }),
    unready: (name: string) => setStatus(name, { phase: 'Running', conditions: condition(false) as never }),
    finish: (name: string, phase: 'Succeeded' | 'Failed') =>
      setStatus(name, { phase, conditions: condition(false) as never }),
    async start(controller: Controller) {
      running = runControllers([controller], { cache }, ctx);
      await clock.settle();
    },
    async stop() {
      stop.abort();
      await clock.settle();
      await running;
    },
  };
}
