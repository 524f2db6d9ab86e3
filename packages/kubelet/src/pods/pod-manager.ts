/** The Pods of this node: a worker each, fed by the API and by the runtime. Source: kubernetes pkg/kubelet/kubelet.go, pleg. */
import type { Pod } from '@kapella/api/types/core-v1';
import { childCtx, type Ctx, describeError, sleep } from '@kapella/base';
import type { Informer } from '@kapella/client';
import type { CriContainer, CriEvent, CriSandbox } from '../cri/cri.ts';
import { restorePod } from '../lifecycle/labels.ts';
import type { PodDeps } from './deps.ts';
import { PodWorker } from './pod-worker.ts';

const SAFETY_LIST_MS = 60_000;
const LISTS_FAIL_RETRY_MS = 1000;
/** The runtime may tell of an exit before it shows it. */
const LOOK_AGAIN_MS = [15, 40, 100, 300, 1000] as const;

export interface PodManager {
  workers(): readonly PodWorker[];
  worker(namespace: string, name: string): PodWorker | undefined;
  byUid(uid: string): PodWorker | undefined;
  /** Settles when `ctx` aborts and all workers have stopped. Containers go on running. */
  run(ctx: Ctx): Promise<void>;
}

export type PodSource = Pick<Informer<Pod>, 'subscribe' | 'synced'>;

export interface PodManagerOptions {
  /** Pods whose spec.nodeName is this node. */
  readonly pods: PodSource;
  readonly deps: PodDeps;
}

interface Listing {
  readonly sandboxes: readonly CriSandbox[];
  readonly containers: readonly CriContainer[];
}

export function createPodManager({ pods, deps }: PodManagerOptions): PodManager {
  const workers = new Map<string, PodWorker>();
  const running = new Set<Promise<void>>();
  let podOf = new Map<string, string>(); // container or sandbox id to Pod uid

  const start = (pod: Pod, vanished: boolean, ctx: Ctx): void => {
    const worker = new PodWorker(pod, vanished, deps, ctx);
    workers.set(worker.uid, worker);
    const done: Promise<void> = worker.run().then(() => {
      running.delete(done);
      if (workers.get(worker.uid) === worker && worker.phase === 'gone') workers.delete(worker.uid);
    });
    running.add(done);
  };

  const list = async (ctx: Ctx): Promise<Listing> => {
    const [sandboxes, containers] = await Promise.all([
      deps.cri.listPodSandboxes({}, ctx),
      deps.cri.listContainers({}, ctx),
    ]);
    const ids = new Map<string, string>();
    const uidOf = new Map(sandboxes.map(({ id, podUid }) => [id, podUid]));
    for (const { id, podUid } of sandboxes) ids.set(id, podUid);
    for (const { id, sandboxId } of containers) ids.set(id, uidOf.get(sandboxId) ?? '');
    podOf = ids;
    return { sandboxes, containers };
  };

  /** Wakes the workers whose picture differs from the list; ends what no Pod of the API owns. */
  const reconcile = async (ctx: Ctx): Promise<void> => {
    const { sandboxes, containers } = await list(ctx);
    const pictures = new Map<string, string[]>();
    const add = (uid: string, line: string) => pictures.set(uid, [...(pictures.get(uid) ?? []), line]);
    for (const { id, podUid, state } of sandboxes) add(podUid, `${id} ${state === 'ready'}`);
    for (const { id, state } of containers) add(podOf.get(id) ?? '', `${id} ${state}`);
    for (const worker of workers.values()) {
      if (pictureOf(worker) !== (pictures.get(worker.uid) ?? []).sort().join('\n')) worker.wake(true);
      else worker.retry();
    }
    for (const sandbox of sandboxes) {
      if (workers.has(sandbox.podUid)) continue;
      const own = containers.filter(({ sandboxId }) => sandboxId === sandbox.id);
      ctx.log.info('ending pod that the API does not have', { pod: `${sandbox.podNamespace}/${sandbox.podName}` });
      start(restorePod(sandbox.labels, own), true, ctx);
    }
  };

  /** Also of what was made since the last list: the worker that made it has seen it. */
  const ownerOf = (id: string): PodWorker | undefined => {
    const known = podOf.get(id);
    if (known !== undefined) return workers.get(known);
    const owner = [...workers.values()].find((worker) => knows(worker, id));
    if (owner !== undefined) podOf.set(id, owner.uid);
    return owner;
  };

  const onEvent = (event: CriEvent, gaps: GapSignal, ctx: Ctx): void => {
    if (event.podUid !== '') {
      podOf.set(event.id, event.podUid);
      workers.get(event.podUid)?.wake(true);
      return;
    }
    if (event.type === 'created' || event.type === 'deleted') return; // of our own doing
    ownerOf(event.id)?.wake(true);
    if (event.type !== 'stopped') return;
    for (const delayMs of LOOK_AGAIN_MS) {
      ctx.clock.setTimer(delayMs, () => {
        const owner = ownerOf(event.id);
        if (owner !== undefined && stillRuns(owner, event.id)) owner.wake(true);
        else if (owner === undefined && delayMs === LOOK_AGAIN_MS.at(-1)) gaps.raise();
      });
    }
  };

  return {
    workers: () => [...workers.values()],
    worker: (namespace, name) =>
      [...workers.values()].findLast(
        ({ pod: { metadata } }) => metadata.name === name && metadata.namespace === namespace,
      ),
    byUid: (uid) => workers.get(uid),
    async run(ctx) {
      await pods.synced(ctx);
      deps.prober.onChange((uid) => workers.get(uid)?.wake(false));
      deps.objects.onChange((uids) => {
        for (const uid of uids) workers.get(uid)?.wake(false);
      });
      const unsubscribe = pods.subscribe({
        add: (pod) => arrive(pod, ctx),
        update: (pod) => arrive(pod, ctx),
        delete: (pod) => workers.get(pod.metadata.uid)?.vanish(pod),
      });
      const gaps = createGapSignal();
      const own = childCtx(ctx, ctx.signal);
      await Promise.all([
        deps.cri.watch((event) => onEvent(event, gaps, own), gaps.raise, own),
        reconcileLoop(gaps, reconcile, own),
      ]);
      unsubscribe();
      await Promise.all(running);
    },
  };

  function arrive(pod: Pod, ctx: Ctx): void {
    const worker = workers.get(pod.metadata.uid);
    if (worker === undefined) start(pod, false, ctx);
    else worker.update(pod);
  }
}

function pictureOf({ observed }: PodWorker): string {
  const lines = observed.sandboxes.map(({ id, ready }) => `${id} ${ready}`);
  for (const { id, state } of observed.containers) lines.push(`${id} ${state}`);
  return lines.sort().join('\n');
}

const knows = ({ observed }: PodWorker, id: string) =>
  observed.containers.some((container) => container.id === id) ||
  observed.sandboxes.some((sandbox) => sandbox.id === id);

const stillRuns = ({ observed }: PodWorker, id: string) =>
  observed.containers.some((container) => container.id === id && container.state === 'running') ||
  observed.sandboxes.some((sandbox) => sandbox.id === id && sandbox.ready);

interface GapSignal {
  raise(): void;
  wait(timeOutMs: number, ctx: Ctx): Promise<void>;
}

function createGapSignal(): GapSignal {
  let raised = false;
  let notify: (() => void) | undefined;
  return {
    raise() {
      raised = true;
      notify?.();
    },
    async wait(timeOutMs, ctx) {
      if (!raised) {
        await new Promise<void>((resolve) => {
          const finish = () => {
            timer.cancel();
            ctx.signal.removeEventListener('abort', finish);
            resolve();
          };
          const timer = ctx.clock.setTimer(timeOutMs, finish);
          notify = finish;
          ctx.signal.addEventListener('abort', finish, { once: true });
        });
      }
      raised = false;
    },
  };
}

/** The first list, one after each gap in the events, and one a minute in case an event was lost. */
async function reconcileLoop(gaps: GapSignal, reconcile: (ctx: Ctx) => Promise<void>, ctx: Ctx): Promise<void> {
  while (!ctx.signal.aborted) {
    try {
      await reconcile(ctx);
      await gaps.wait(SAFETY_LIST_MS, ctx);
    } catch (error) {
      if (ctx.signal.aborted) return;
      ctx.log.warn('runtime does not answer', { error: describeError(error) });
      await sleep(LISTS_FAIL_RETRY_MS, ctx).catch(() => {});
    }
  }
}
