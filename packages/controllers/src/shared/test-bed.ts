/** For tests of controllers: an API in memory, a clock that stands still, and Pods that run when told to. */
import { coreV1, keyOf, type KubeObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import {
  createLogger,
  createSeededRandom,
  createVirtualClock,
  type Ctx,
  formatTime,
  type LogRecord,
} from '@kapella/base';
import { createCache, createClient, createEventRecorder } from '@kapella/client';
import { createFakeApi } from '@kapella/client/fake';
import { type Controller, type ControllerDeps, runControllers, slowStart } from '@kapella/controller';

export function createTestBed(component = 'test-controller') {
  const clock = createVirtualClock();
  const stop = new AbortController();
  const logs: LogRecord[] = [];
  const ctx: Ctx = { signal: stop.signal, log: createLogger((r) => logs.push(r)), clock, random: createSeededRandom() };
  const api = createFakeApi(ctx);
  const client = createClient(api, { userAgent: 'test/1' });
  const cache = createCache(client);
  const events = createEventRecorder(client, { component }, ctx);
  const deps: ControllerDeps = { cache, client, events, batch: slowStart };
  const recording = events.run(ctx);
  let running: Promise<void> = Promise.resolve();
  return {
    clock,
    ctx,
    api,
    client,
    cache,
    deps,
    logs,
    async start(...controllers: Controller[]): Promise<void> {
      running = runControllers(controllers, { cache }, ctx);
      await clock.advance(100);
    },
    async stop(): Promise<void> {
      stop.abort();
      await clock.settle();
      await Promise.all([running, recording]);
    },
    /** `reason: message` of all events so far, in order, about the object where one is named. */
    told(name?: string): string[] {
      const told = api.objects(coreV1.Event).filter((e) => name === undefined || e.involvedObject.name === name);
      return told.map((e) => `${e.reason}: ${e.message}`);
    },
    /** Sets phase and readiness of Pods, all by default, as a node agent would. */
    async run(
      pods = api.objects(coreV1.Pod),
      phase: 'Running' | 'Succeeded' | 'Failed' = 'Running',
      ready = phase === 'Running',
    ) {
      for (const pod of pods) {
        const present = await client.get(coreV1.Pod, pod, ctx);
        if (present !== undefined)
          await client.patchStatus(coreV1.Pod, present, statusOf(present, phase, ready, clock.nowMs()), ctx);
      }
      await clock.advance(100);
    },
    names(objects: readonly KubeObject[]): string[] {
      return objects.map(keyOf).sort();
    },
  };
}

export function statusOf(
  pod: Pod,
  phase: 'Running' | 'Succeeded' | 'Failed' | 'Pending',
  ready: boolean,
  nowMs: number,
) {
  const time = formatTime(nowMs);
  const before = pod.status?.conditions?.find((condition) => condition.type === 'Ready');
  const status = ready ? 'True' : 'False';
  const lastTransitionTime = before?.status === status ? before.lastTransitionTime : time;
  return { ...pod.status, phase, conditions: [{ type: 'Ready', status, lastTransitionTime }] } as NonNullable<
    Pod['status']
  >;
}
