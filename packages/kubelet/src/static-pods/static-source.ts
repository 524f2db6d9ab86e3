/** The Pods of a directory: read again whenever something in it changes. Source: kubernetes pkg/kubelet/config/file.go. */
import type { NewObject } from '@kapella/api';
import type { Pod } from '@kapella/api/types/core-v1';
import { type Ctx, describeError, formatTime } from '@kapella/base';
import type { InformerHandler } from '@kapella/client';
import type { PodSource } from '../pods/pod-manager.ts';
import { staticPod } from './static-pod.ts';

export interface StaticFiles {
  /** Names and contents. */
  read(): Promise<ReadonlyMap<string, string>>;
  /** Settles when something may have changed, or after a while. */
  changed(ctx: Ctx): Promise<void>;
  hash(text: string): string;
  /** Decodes a Pod and gives it the API's defaults. Throws an Error that says what is wrong. */
  parse(text: string): NewObject<Pod>;
}

/** For nodes without such a directory. */
export const noStaticFiles: StaticFiles = {
  read: async () => new Map(),
  changed: (ctx) =>
    new Promise((resolve) => {
      if (ctx.signal.aborted) resolve();
      else ctx.signal.addEventListener('abort', () => resolve(), { once: true });
    }),
  hash: (text) => text,
  parse: () => {
    throw new Error('there are no static Pods');
  },
};

export interface StaticSource extends PodSource {
  pods(): readonly Pod[];
  run(ctx: Ctx): Promise<void>;
}

type Known = Map<string, { readonly hash: string; readonly pod: Pod | undefined }>;

const podsOf = (all: Known): readonly Pod[] => [...all.values()].flatMap(({ pod }) => pod ?? []);
const isIn = (pods: readonly Pod[], { metadata }: Pod) => pods.some((one) => one.metadata.uid === metadata.uid);

export function createStaticSource(files: StaticFiles, nodeName: string): StaticSource {
  const handlers = new Set<InformerHandler<Pod>>();
  const first = Promise.withResolvers<void>();
  /** By name of the file. */
  let known: Known = new Map();

  async function look(ctx: Ctx): Promise<void> {
    const contents = await files.read();
    const next: Known = new Map();
    for (const [name, text] of contents) {
      const hash = files.hash(`${nodeName}\n${name}\n${text}`);
      const before = known.get(name);
      next.set(name, before?.hash === hash ? before : { hash, pod: parse(name, text, hash, ctx) });
    }
    const [old, present] = [podsOf(known), podsOf(next)];
    known = next;
    const gone = old.filter((pod) => !isIn(present, pod));
    const come = present.filter((pod) => !isIn(old, pod));
    for (const handler of handlers) for (const pod of gone) handler.delete?.(pod);
    for (const handler of handlers) for (const pod of come) handler.add?.(pod);
  }

  function parse(name: string, text: string, hash: string, ctx: Ctx): Pod | undefined {
    try {
      return staticPod(files.parse(text), { hash, nodeName, seen: formatTime(ctx.clock.nowMs()) });
    } catch (error) {
      ctx.log.warn('static pod not read', { file: name, error: describeError(error) });
      return undefined;
    }
  }

  const pods = () => podsOf(known);
  return {
    pods,
    synced: () => first.promise,
    subscribe(handler) {
      handlers.add(handler);
      for (const pod of pods()) handler.add?.(pod);
      return () => void handlers.delete(handler);
    },
    async run(ctx) {
      while (!ctx.signal.aborted) {
        await look(ctx).catch((error: unknown) => {
          ctx.log.warn('static pods not read', { error: describeError(error) });
        });
        first.resolve();
        await files.changed(ctx);
      }
    },
  };
}
