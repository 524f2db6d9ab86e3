/**
 * The pictures in the API of the Pods of files: made, made anew when somebody deletes or the file changes them, removed with
 * the file. Their statuses are those of the Pods. Source: kubernetes pkg/kubelet/pod/mirror_client.go, pkg/kubelet/kubelet.go.
 */
import { coreV1 } from '@kapella/api';
import type { Pod, PodStatus } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, isReason, sleep } from '@kapella/base';
import type { Client, InformerHandler } from '@kapella/client';
import type { PodSource } from '../pods/pod-manager.ts';
import type { StatusWriter } from '../pods/status-writer.ts';
import { fullName, isMirror, isOfFile, mirrorOf, mirrors as shows } from './static-pod.ts';
import type { StaticSource } from './static-source.ts';

const AGAIN_MS = 10_000;

export interface Mirrors {
  /** Pods of the API without mirrors, and those of files. */
  readonly pods: PodSource;
  /** Writes a static Pod's status to its mirror. */
  statusWriter(writer: StatusWriter): StatusWriter;
  /** Until `ctx` aborts. */
  run(ctx: Ctx): Promise<void>;
}

export interface MirrorsDeps {
  readonly api: PodSource;
  readonly statics: StaticSource;
  readonly client: Pick<Client, 'get' | 'create' | 'delete'>;
  readonly nodeName: string;
}

export function createMirrors({ api, statics, client, nodeName }: MirrorsDeps): Mirrors {
  /** By namespace and name. */
  const mirrors = new Map<string, Pod>();
  const statuses = new Map<string, { readonly pod: Pod; readonly status: PodStatus }>();
  let writer: StatusWriter | undefined;
  let wake: () => void = () => {};

  const mirrorFor = (pod: Pod): Pod | undefined => {
    const mirror = mirrors.get(fullName(pod));
    return mirror !== undefined && shows(mirror, pod) ? mirror : undefined;
  };
  const tell = (pod: Pod, status: PodStatus): void => {
    const mirror = mirrorFor(pod);
    if (mirror !== undefined) writer?.publish(mirror, status);
  };
  function see(mirror: Pod): void {
    mirrors.set(fullName(mirror), mirror);
    const last = [...statuses.values()].find(({ pod }) => fullName(pod) === fullName(mirror));
    if (last !== undefined) tell(last.pod, last.status);
    wake();
  }
  function lose(mirror: Pod): void {
    if (mirrors.get(fullName(mirror))?.metadata.uid === mirror.metadata.uid) mirrors.delete(fullName(mirror));
    writer?.forget(mirror.metadata.uid);
    wake();
  }

  /** An agent that begins anew knows from the mirror that the Pod was taken before. */
  const withStatus = (pod: Pod): Pod => {
    const status = mirrorFor(pod)?.status;
    return status === undefined ? pod : { ...pod, status };
  };

  const keep = (ctx: Ctx) => keepMirrors(mirrors, { statics, client, nodeName }, ctx);

  return {
    pods: {
      synced: async (ctx) => {
        await Promise.all([api.synced(ctx), statics.synced(ctx)]);
      },
      subscribe(handler) {
        const ends = [api.subscribe(apart(handler, see, lose)), statics.subscribe(ofFiles(handler, withStatus))];
        const end = statics.subscribe({ add: () => wake(), delete: () => wake() });
        return () => {
          for (const stop of [...ends, end]) stop();
        };
      },
    },
    statusWriter(inner) {
      writer = inner;
      return {
        publish(pod, status) {
          if (!isOfFile(pod)) return inner.publish(pod, status);
          statuses.set(pod.metadata.uid, { pod, status });
          tell(pod, status);
        },
        async flushed(uid) {
          const known = statuses.get(uid);
          const mirror = known === undefined ? undefined : mirrorFor(known.pod);
          await inner.flushed(known === undefined ? uid : (mirror?.metadata.uid ?? ''));
        },
        forget(uid) {
          if (!statuses.delete(uid)) inner.forget(uid);
        },
      };
    },
    async run(ctx) {
      await api.synced(ctx).catch(() => {});
      await statics.synced(ctx);
      while (!ctx.signal.aborted) {
        const woken = new AbortController();
        wake = () => woken.abort();
        await keep(ctx).catch((error: unknown) => {
          if (!ctx.signal.aborted) ctx.log.warn('mirror pods not kept', { error: describeError(error) });
        });
        await sleep(AGAIN_MS, { ...ctx, signal: AbortSignal.any([ctx.signal, woken.signal]) }).catch(() => {});
      }
    },
  };
}

/** Takes away what shows no Pod, or an older one, and makes what is missing. */
async function keepMirrors(
  mirrors: ReadonlyMap<string, Pod>,
  { statics, client, nodeName }: Omit<MirrorsDeps, 'api'>,
  ctx: Ctx,
): Promise<void> {
  const wanted = new Map(statics.pods().map((pod) => [fullName(pod), pod]));
  for (const [name, mirror] of [...mirrors]) {
    const pod = wanted.get(name);
    if (pod !== undefined && shows(mirror, pod)) continue;
    await client.delete(coreV1.Pod, mirror, ctx, { gracePeriodSeconds: 0, uid: mirror.metadata.uid }).catch(gone);
  }
  const missing = [...wanted].filter(([name]) => !mirrors.has(name));
  if (missing.length === 0) return;
  const node = await client.get(coreV1.Node, { name: nodeName }, ctx);
  if (node === undefined) throw new Error(`there is no node ${nodeName} yet`);
  for (const [, pod] of missing) {
    await client.create(coreV1.Pod, mirrorOf(pod, { name: nodeName, uid: node.metadata.uid }), ctx).catch(known);
  }
}

/** Another was first, or it is there already. */
const known = (error: unknown): void => {
  if (!isReason(error, 'AlreadyExists')) throw error;
};
const gone = (error: unknown): void => {
  if (!isReason(error, 'NotFound', 'Conflict')) throw error;
};

/** Mirrors are no Pods of the node. */
function apart(handler: InformerHandler<Pod>, see: (mirror: Pod) => void, lose: (mirror: Pod) => void) {
  return {
    add: (pod: Pod) => (isMirror(pod) ? see(pod) : handler.add?.(pod)),
    update: (pod: Pod, old: Pod) => (isMirror(pod) ? see(pod) : handler.update?.(pod, old)),
    delete: (pod: Pod) => (isMirror(pod) ? lose(pod) : handler.delete?.(pod)),
  };
}

const ofFiles = (handler: InformerHandler<Pod>, withStatus: (pod: Pod) => Pod): InformerHandler<Pod> => ({
  add: (pod) => handler.add?.(withStatus(pod)),
  delete: (pod) => handler.delete?.(pod),
});
